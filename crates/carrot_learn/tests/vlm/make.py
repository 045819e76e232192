"""Makes the tiny models beside this file and writes down what PyPI `transformers` computes with them.

    python -m venv venv && venv/bin/pip install torch transformers pillow && venv/bin/python make.py

Weights are random, so the numbers mean nothing; that they agree to rounding means that the layers do.
"""
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, SiglipConfig, SiglipImageProcessor, SiglipModel

HERE = Path(__file__).parent
TEXTS = ["the pole stands upright", "the red cube is on the green disc", "the agent carries the key"]
SMALL = dict(hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=3)


def tokenizer(end, pad, between):
    made = Tokenizer(models.BPE(unk_token="<unk>"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    special = ["<unk>", *between, pad, end]
    made.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=90, special_tokens=special))
    # Published models have their special tokens last, which their `eos_token_id: 2` counts on.
    ids = made.get_vocab()
    first = f"{between[0]} " if between else ""
    names = [*between, end]
    made.post_processor = processors.TemplateProcessing(
        single=f"{first}$A {end}", special_tokens=[(name, ids[name]) for name in names]
    )
    return made


def picture(height, width):
    y, x = np.mgrid[0:height, 0:width]
    bands = np.stack([x * 255 // width, y * 255 // height, (x * 7 + y * 13) % 256], axis=-1)
    return bands.astype(np.uint8)


def write(name, model, processor, words, pad, full):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.25)
        model.logit_scale.fill_(1.3)
    model.eval().save_pretrained(folder)
    processor.save_pretrained(folder)
    words.save(str(folder / "tokenizer.json"))
    # The generation settings and the like say nothing of the towers.
    for file in folder.iterdir():
        if file.name not in ("config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json", "expected.json"):
            file.unlink()
    ids = [words.encode(text).ids for text in TEXTS]
    width = full or max(map(len, ids))
    padding = words.token_to_id(pad)
    ids = torch.tensor([row + [padding] * (width - len(row)) for row in ids])
    sizes = [(40, 56), (32, 32), (90, 33)]
    expected = {"texts": TEXTS, "tokens": ids.tolist(), "pictures": []}
    with torch.no_grad():
        text = model.text_model(input_ids=ids)
        text = text.pooler_output if name == "siglip" else model.text_projection(text.pooler_output)
        expected["text_embeddings"] = torch.nn.functional.normalize(text, dim=-1).tolist()
        for height, width in sizes:
            pixels = processor(Image.fromarray(picture(height, width)), return_tensors="pt")["pixel_values"]
            seen = model.vision_model(pixel_values=pixels).pooler_output
            seen = seen if name == "siglip" else model.visual_projection(seen)
            unit = torch.nn.functional.normalize(seen, dim=-1)[0]
            logits = model(input_ids=ids, pixel_values=pixels).logits_per_image[0]
            expected["pictures"].append(
                {
                    "size": [height, width],
                    "pixels_mean": pixels.mean(dim=(2, 3))[0].tolist(),
                    "pixels_corner": pixels[0, :, 0, :4].flatten().tolist(),
                    "embedding": unit.tolist(),
                    "logits": logits.tolist(),
                }
            )
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


words = tokenizer("<|endoftext|>", "<pad>", ["<|startoftext|>"])
size = words.get_vocab_size()
end = words.token_to_id("<|endoftext|>")
text = dict(**SMALL, vocab_size=size, max_position_embeddings=20, eos_token_id=end, bos_token_id=1, pad_token_id=2)
vision = dict(**SMALL, image_size=32, patch_size=8)
clip = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16))
write("clip", clip, CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32), words, "<pad>", None)

words = tokenizer("</s>", "<pad>", [])
text = dict(**SMALL, vocab_size=words.get_vocab_size(), max_position_embeddings=16)
siglip = SiglipModel(SiglipConfig(text_config=text, vision_config=vision))
write("siglip", siglip, SiglipImageProcessor(size={"height": 32, "width": 32}), words, "<pad>", 16)
