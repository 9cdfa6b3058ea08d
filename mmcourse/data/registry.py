"""Every data set of the course: its facts stand in ``sets/<name>.toml``, and here which functions read it."""

from mmcourse.data import (
    av_mnist,
    canonical,
    coco,
    deam,
    films,
    images,
    mouth,
    movielens_posters,
    music,
    pairs,
    pretrained,
    retrieval,
    speech,
    tables,
)
from mmcourse.data.entry import read_entry

ENTRIES = (
    read_entry("stocks", build=tables.build_stocks, load=tables.load_stocks, table=tables.stocks_table),
    read_entry(
        "movie_reviews",
        build=tables.build_movie_reviews,
        helpers=(tables.REVIEW_SOURCES,),
        load=tables.load_movie_reviews,
        table=tables.movie_reviews_table,
    ),
    read_entry(
        "emoji",
        build=images.build_emoji,
        helpers=images.EMOJI_RECIPE,
        load=images.load_emoji,
        table=images.emoji_table,
    ),
    read_entry(
        "emoji_retrieval",
        build=images.build_emoji,
        helpers=images.EMOJI_RECIPE,
        load=retrieval.load_emoji_retrieval,
    ),
    read_entry("digits", load=images.load_digits),
    read_entry("spoken_digits", build=speech.build_spoken_digits, load=speech.load_spoken_digits),
    read_entry("audio_visual_digits", build=speech.build_spoken_digits, load=pairs.load_audio_visual_digits),
    read_entry("sst2", load=canonical.load_sst2, table=canonical.sst2_table, find=canonical.sst2_folder),
    read_entry("sp500", load=canonical.load_sp500, table=canonical.sp500_table, find=canonical.sp500_folder),
    read_entry("coco_captions", load=coco.load_coco_captions, find=coco.coco_folder),
    read_entry("av_mnist", load=av_mnist.load_av_mnist, find=av_mnist.av_mnist_folder),
    read_entry(
        "movielens",
        build=films.build_movielens,
        helpers=films.RECIPE,
        load=films.load_movielens,
        table=films.movielens_table,
    ),
    read_entry(
        "movielens_posters",
        load=movielens_posters.load_movielens_posters,
        table=movielens_posters.movielens_posters_table,
        find=movielens_posters.movielens_folder,
    ),
    read_entry(
        "music",
        build=music.build_music,
        helpers=music.MUSIC_RECIPE,
        load=music.load_music,
        table=music.music_table,
    ),
    read_entry("deam", load=deam.load_deam, table=deam.deam_table, find=deam.deam_folder),
    read_entry(
        "talking_mouth",
        build=mouth.build_talking_mouth,
        helpers=mouth.MOUTH_RECIPE,
        load=mouth.load_talking_mouth,
        table=mouth.talking_mouth_table,
    ),
    read_entry("wordllama", build=pretrained.keep_files, load=pretrained.load_weights),
    read_entry("minilm", build=pretrained.keep_files, load=pretrained.load_weights),
    read_entry("efficientnet", build=pretrained.keep_files, load=pretrained.load_weights),
)
REGISTRY = {entry.name: entry for entry in ENTRIES}
