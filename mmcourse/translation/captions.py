"""Sentences about pictures: a CNN that sees, and a recurrent network or a transformer that writes (lesson 14)."""

import torch
from torch import nn

from mmcourse.inputs import check_mask, check_pictures, check_tensor, keep, masked_softmax, positions

JOINS = ("concat", "product", "attention", "transformer")


class RegionEncoder(nn.Module):
    """A quick small CNN that keeps the grid: three convolutions that halve it and one that does not.

    BatchNorm and ReLU follow each: while it trains, pictures of a batch share statistics; in eval mode none depends on
    another.

    Parameters
    ----------
    out_dim : int
        Width of a region's features.
    channels : three ints
    in_channels : int

    Inputs
    ------
    x : float tensor (B, in_channels, H, W), H and W multiples of 8
    mask : bool tensor (B,), optional, True = keep

    Returns (B, H W / 64, out_dim), regions row by row and zeros where the mask is False, and their mask. ValueError on a
    wrong shape, dtype or mask.
    """

    def __init__(self, out_dim=64, channels=(24, 48, 64), in_channels=3):
        super().__init__()
        self.in_channels, self.out_dim, layers = in_channels, out_dim, []
        for inputs, outputs in zip((in_channels, *channels), (*channels, out_dim), strict=True):
            kernel, stride = (3, 1) if len(layers) == 3 * len(channels) else (4, 2)
            layers += [nn.Conv2d(inputs, outputs, kernel, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        self.layers = nn.Sequential(*layers)

    def forward(self, x, mask=None):
        check_pictures(x, self.in_channels)
        check_mask("mask", mask, x.shape[:1])
        if x.shape[2] % 8 or x.shape[3] % 8:
            raise ValueError(f"x must have a height and width that 8 divides; got shape {tuple(x.shape)}")
        regions = keep(mask, self.layers(keep(mask, x)).flatten(2).mT)
        mask = torch.ones(len(x), dtype=torch.bool, device=x.device) if mask is None else mask
        return regions, mask[:, None].expand(regions.shape[:2])


class CaptionModel(nn.Module):
    """Write a sentence about a picture, one word after another.

    A layer with a ReLU makes each region of the picture as wide as a word. `join` says how words and picture meet:

    - "concat": a GRU reads each word beside the mean of the regions, and the next word is told from what it remembers
      beside the mean (Vinyals et al., CVPR 2015, showed the picture once instead);
    - "product": in both places they are multiplied, number by number, instead;
    - "attention": as concat, but after each word what the GRU remembers weighs the regions anew (additive attention as in
      Xu et al., "Show, attend and tell", ICML 2015); the weighted sum takes the place of the mean from there on;
    - "transformer": each layer attends to the words so far, then to the regions (Vaswani et al. 2017, norm first).

    What a GRU gets of the picture has been through a LayerNorm, whatever the join. With every region left out it gets a
    learned vector, and a transformer the bias of its attention.

    Parameters
    ----------
    vocab_size : int
        Tokens; which of them begin and end a sentence, and which one pads, is the caller's matter.
    feature_dim : int
        Width of a region's features.
    width : int
        Width inside; for a transformer a multiple of `num_heads` and even.
    join : "concat", "product", "attention" or "transformer"
    num_layers, num_heads : int
        Of a transformer.

    Inputs
    ------
    features : float tensor (B, P, feature_dim), or (B, feature_dim) for a single region
    tokens : integer tensor (B, T), the first one begins the sentence
    mask : bool tensor (B, P) or (B,), optional, True = keep; what it leaves out may hold anything, NaN included

    Returns the scores of the next token after each one, (B, T, vocab_size). ValueError on a wrong shape, dtype, mask or
    option; a token outside the vocabulary raises torch's own IndexError (on a GPU, its assertion).

    Examples
    --------
    >>> model = CaptionModel(vocab_size=20, feature_dim=8, width=16)
    >>> regions = torch.randn(2, 64, 8)
    >>> tuple(model(regions, torch.tensor([[0, 5, 7], [0, 3, 3]])).shape)
    (2, 3, 20)
    >>> from mmcourse.translation import beam_search
    >>> sentences, scores = beam_search(model.step, model.start(regions), bos=0, eos=1, beam=3, max_len=5)
    """

    def __init__(self, vocab_size, feature_dim, width=128, *, join="attention", num_layers=2, num_heads=4):
        super().__init__()
        if join not in JOINS:
            raise ValueError(f"join must be one of {', '.join(JOINS)}; got {join!r}")
        self.feature_dim, self.join = feature_dim, join
        self.words = nn.Embedding(vocab_size, width)
        self.regions = nn.Sequential(nn.Linear(feature_dim, width), nn.ReLU())
        self.decoder = Transformer(width, num_layers, num_heads) if join == "transformer" else Recurrent(width, join)
        self.output = nn.Linear(self.decoder.out_dim, vocab_size)

    def start(self, features, mask=None):
        """Return what `step` needs to know of the pictures: a dict of tensors whose first axis is B."""
        check_tensor("features", features, (2, 3), self.feature_dim)
        check_mask("mask", mask, features.shape[:-1])
        mask = torch.ones(features.shape[:-1], dtype=torch.bool, device=features.device) if mask is None else mask
        regions = self.regions(keep(mask, features))
        return self.decoder.start(*((regions, mask) if features.ndim == 3 else (regions[:, None], mask[:, None])))

    def step(self, tokens, state):
        """Read one token of each of N sentences, (N,); return log probabilities of the next, (N, V), and the state."""
        check_tensor("tokens", tokens, (1,), floating=False)
        hidden, _, state = self.decoder(self.words(tokens[:, None]), state)
        return self.output(hidden[:, 0]).log_softmax(-1), state

    def attend(self, features, tokens, mask=None):
        """Return what `forward` does, and the weights of the regions as each token was read, (B, T, P).

        They sum to 1, or to 0 with nothing to keep. The mean weighs all regions alike; a transformer's weights are
        averaged over layers and heads.
        """
        state = self.start(features, mask)
        check_tensor("tokens", tokens, (2,), floating=False)
        if tokens.dtype not in (torch.int64, torch.int32) or len(tokens) != len(features):
            raise ValueError(f"tokens must be int64 or int32 ({len(features)}, T); got {tokens.dtype} {tokens.shape}")
        hidden, weights, _ = self.decoder(self.words(tokens), state)
        return self.output(hidden), weights

    def forward(self, features, tokens, mask=None):
        return self.attend(features, tokens, mask)[0]


class Recurrent(nn.Module):
    """A GRU that reads words (B, T, width) joined with a picture vector; what comes out is joined with it again.

    The state holds the last memory and picture vector, and what the next one is made of.
    """

    def __init__(self, width, join):
        super().__init__()
        self.join, self.norm = join, nn.LayerNorm(width)
        self.attention = AdditiveAttention(width) if join == "attention" else None
        self.out_dim = width if join == "product" else 2 * width
        self.gru = nn.GRU(self.out_dim, width, batch_first=True)

    def start(self, regions, mask):
        picture = self.norm((uniform(mask).to(regions.dtype)[:, None] @ regions)[:, 0])
        state = {"hidden": regions.new_zeros(picture.shape), "picture": picture, "mask": mask}
        return state | ({"regions": regions, "keys": self.attention.key(regions)} if self.attention else {})

    def forward(self, words, state):
        if not self.attention:
            read = self._read(words, state)
            weights = uniform(state["mask"])[:, None].expand(-1, words.shape[1], -1)
            return self._join(read, state["picture"]), weights, {**state, "hidden": read[:, -1]}
        joined, weights = [], []
        for word in words.split(1, 1):
            read = self._read(word, state)
            weights.append(self.attention(read[:, 0], state["keys"], state["mask"]))
            picture = self.norm((weights[-1][:, None] @ state["regions"])[:, 0])
            joined.append(self._join(read, picture))
            state = {**state, "hidden": read[:, 0], "picture": picture}
        return torch.cat(joined, 1), torch.stack(weights, 1), state

    def _read(self, words, state):
        x = self._join(words, state["picture"])
        return self.gru(x, state["hidden"][None].to(x.dtype))[0]

    def _join(self, x, picture):
        picture = picture[:, None].expand_as(x)
        return x * picture if self.join == "product" else torch.cat([x, picture], -1)


class AdditiveAttention(nn.Module):
    """Weights softmax_p v' tanh(W h + U x_p) of regions, given the keys U x_p (Bahdanau et al., ICLR 2015)."""

    def __init__(self, width):
        super().__init__()
        inside = max(width // 4, 1)
        self.query, self.key = nn.Linear(width, inside), nn.Linear(width, inside, bias=False)
        self.score = nn.Linear(inside, 1, bias=False)  # softmax would cancel a bias

    def forward(self, hidden, keys, mask):
        return masked_softmax(self.score((self.query(hidden)[:, None] + keys).tanh())[..., 0], mask)


class Transformer(nn.Module):
    """Layers over words (B, T, width); state: the keys and values of all words before and of the regions."""

    def __init__(self, width, num_layers, num_heads):
        super().__init__()
        if width % num_heads or width % 2:
            raise ValueError(f"width must be even and a multiple of num_heads; got {width} and {num_heads}")
        self.layers = nn.ModuleList(Layer(width, num_heads) for _ in range(num_layers))
        self.norm, self.out_dim = nn.LayerNorm(width), width

    def start(self, regions, mask):
        pictures = [layer.look.remember(regions) for layer in self.layers]
        none = [layer.recall.remember(regions[:, :0]) for layer in self.layers]
        return {"mask": mask, "pictures": pictures, "words": none}

    def forward(self, words, state):
        before, count = state["words"][0][0].shape[2], words.shape[1]
        x = words + positions(before + count, words.shape[-1], words)[before:]
        past = torch.ones(count, before + count, dtype=torch.bool, device=x.device).tril(before)
        remembered, weights = [], []
        for layer, picture, texts in zip(self.layers, state["pictures"], state["words"], strict=True):
            x, texts, looked = layer(x, texts, past, picture, state["mask"])
            remembered.append(texts)
            weights.append(looked)
        return self.norm(x), torch.stack(weights).mean(0), {**state, "words": remembered}


class Layer(nn.Module):
    """A transformer's decoder layer: words so far, picture, two linear layers; each with its norm first."""

    def __init__(self, width, num_heads):
        super().__init__()
        self.recall, self.look = Attention(width, num_heads), Attention(width, num_heads)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width))

    def forward(self, x, texts, past, picture, mask):
        y = self.norms[0](x)
        texts = [torch.cat(pair, 2) for pair in zip(texts, self.recall.remember(y), strict=True)]
        x = x + self.recall(y, texts, past)[0]
        seen, weights = self.look(self.norms[1](x), picture, mask[:, None, None])
        x = x + seen
        return x + self.feed(self.norms[2](x)), texts, weights


class Attention(nn.Module):
    """Multi-head attention (Vaswani et al. 2017, section 3.2.2) to keys and values that are made once and kept."""

    def __init__(self, width, num_heads):
        super().__init__()
        self.num_heads = num_heads
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width, bias=False)  # softmax would cancel it
        self.value, self.output = nn.Linear(width, width), nn.Linear(width, width)

    def remember(self, x):
        """Keys and values of x (B, S, width), each (B, heads, S, width / heads)."""
        return [self._heads(self.key(x)), self._heads(self.value(x))]

    def forward(self, x, remembered, mask):
        key, value = remembered
        query = self._heads(self.query(x)) * key.shape[-1] ** -0.5
        weights = masked_softmax(query @ key.mT, mask)
        return self.output((weights.to(value.dtype) @ value).transpose(1, 2).flatten(2)), weights.mean(1)

    def _heads(self, x):
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)


def uniform(mask):
    """Equal weights for what is kept, (B, P)."""
    return mask / mask.sum(-1, keepdim=True).clamp(min=1)
