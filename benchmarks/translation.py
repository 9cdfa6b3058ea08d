"""The search of mmcourse.translation beside transformers' generate, with the same network and the same cache."""

import torch

from benchmarks.race import Run, case
from mmcourse import translation


@case("beam_search", "beam 5, 16 items, 20 tokens, GPT-2 of 4 layers, cached", 0.75, rtol=1e-4, atol=1e-4)
def beam_search(device, *, tokens=20, batch=16, beam=5):
    from transformers import DynamicCache, GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    sizes = {"vocab_size": 1000, "n_positions": 256, "n_embd": 256, "n_layer": 4, "n_head": 4, "initializer_range": 0.2}
    model = GPT2LMHeadModel(GPT2Config(**sizes, bos_token_id=0, eos_token_id=1)).to(device).eval()
    prompts = torch.randint(2, 1000, (batch, 4), device=device)

    def remembered(words, pairs):
        cache = DynamicCache(pairs)
        out = model(words, past_key_values=cache, use_cache=True)
        return out.logits[:, -1].log_softmax(-1), [(layer.keys, layer.values) for layer in cache.layers]

    def ours():
        with torch.no_grad():
            _, state = remembered(prompts, [])
        rules = {"bos": 0, "eos": 1, "beam": beam, "max_len": tokens}
        return translation.beam_search(lambda last, pairs: remembered(last[:, None], pairs), state, **rules)

    def generate():
        begun = torch.cat([prompts, prompts.new_zeros(batch, 1)], 1)
        rules = {"num_beams": beam, "max_new_tokens": tokens, "early_stopping": "never", "length_penalty": 0.0}
        rules |= {"do_sample": False, "pad_token_id": 1, "output_scores": True, "return_dict_in_generate": True}
        seen = torch.ones_like(begun)
        return Run(
            lambda: model.generate(begun, attention_mask=seen, **rules),
            lambda found: [found.sequences[:, 5:], found.sequences_scores],
        )

    return Run(ours), {"transformers generate": generate}
