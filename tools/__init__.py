"""The authoring pipeline: one lesson source in, the learner's and the solved notebook out."""
