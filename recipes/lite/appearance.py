"""Train the embeddings of ``lite`` along people's boxes; its detector stays as it is.

    python recipes/lite/appearance.py START.safetensors MATERIAL.npz WORK [--rounds 6000 5000 2000] [--threads 1]

START holds the detector; MATERIAL comes from ``teach.py``. Each step sees three canvases of 24 crops of Market-1501,
four of each person, and two views of one photograph, each of whose people is an identity of its own. The loss is the
sum of

* the cross entropy of cosines to each person's own direction (margin 0.1, scale 18, labels smoothed by 0.1);
* a contrastive term over all pairs of the step (temperature 0.1), weight 0.5;
* the squared difference between the cosines of all pairs and the teacher's, weight 10.

Features are normalised over the people of a step, so that neither empty slots nor the background enter; at the end both
normalisations fold into the two layers. The rate falls to zero along half a cosine in every round; the first begins at
0.002, the others at 0.0012. WORK holds a checkpoint every 100 steps, from which a second call goes on, and
``weights.safetensors``. 100 identities of Market-1501 take no part (``measure.py`` asks for them).
"""

import argparse
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from pasting import SIZES, crowd, view
from torch import nn

from fairmot.engines.torch.network import GraphNetwork
from fairmot.network.architectures import build_graph
from fairmot.network.safetensors import load_weights, save_weights

TRAINED = ("appearance.",)
CROWDS, CROPS, CROPS_EACH = 3, 24, 4
RATE, LATER_RATE, WARM_UP = 2e-3, 1.2e-3, 100
WEIGHT_DECAY, CLIP_NORM = 0.02, 5.0
SCALE, MARGIN, SMOOTHING = 18.0, 0.1, 0.1
TEMPERATURE = 0.1
CONTRAST_WEIGHT, TEACHER_WEIGHT = 0.5, 10.0
AVERAGE_DECAY = 0.998
LONGEST_SIDE_PX = 800
BACKGROUNDS = 300
HELD_OUT = 100


def held_out_identities(identities):
    """Return the identities that take no part in the training."""
    known = np.unique(identities)
    return np.sort(np.random.default_rng(0).permutation(known)[:HELD_OUT])


class Material:
    """Crops, photographs, and the teacher's vectors of everybody in them."""

    def __init__(self, path):
        file = np.load(path)
        self.crops, self.crop_teacher = file["crops"], torch.from_numpy(file["crop_teacher"])
        identities = file["identities"]
        self.people = np.setdiff1d(identities, held_out_identities(identities))
        self.crops_of = {person: np.flatnonzero(identities == person) for person in self.people}
        self.label_of = np.full(identities.max() + 1, -1)
        self.label_of[self.people] = np.arange(len(self.people))
        self.labels = self.label_of[identities]
        self.paths, self.boxes = file["photographs"], file["boxes"]
        self.box_teacher = torch.from_numpy(file["box_teacher"])
        self.boxes_of = [np.flatnonzero(file["photograph_of_box"] == index) for index in range(len(self.paths))]
        chances = np.minimum([len(boxes) for boxes in self.boxes_of], 8).astype(float)
        self.chances = chances / chances.sum()
        self.images = {}
        self.backgrounds = [self.photograph(index)[0] for index in range(min(BACKGROUNDS, len(self.paths)))]

    def photograph(self, index):
        """Return a photograph of at most 800 pixels and the boxes of its people, read once."""
        if index not in self.images:
            image = cv2.imread(str(self.paths[index]))
            scale = min(1.0, LONGEST_SIDE_PX / max(image.shape[:2]))
            if scale < 1:
                image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            self.images[index] = image, self.boxes[self.boxes_of[index]] * scale
        return self.images[index]

    def draw(self, rng):
        """Return the canvases of one step, boxes for each, labels and teacher's vectors of all boxes, crops first."""
        persons = rng.choice(self.people, CROWDS * CROPS // CROPS_EACH, replace=False)
        chosen = [
            rng.choice(self.crops_of[person], CROPS_EACH, replace=len(self.crops_of[person]) < CROPS_EACH)
            for person in persons
        ]
        size = SIZES[rng.integers(len(SIZES))]
        canvases, boxes, labels, vectors = [], [], [], []
        for part in rng.permutation(np.concatenate(chosen)).reshape(CROWDS, CROPS):
            canvas, places, kept = crowd(self.crops[part], self.backgrounds, rng, size)
            canvases.append(canvas)
            boxes.append(places)
            labels.append(self.labels[part[kept]])
            vectors.append(self.crop_teacher[part[kept]])
        index = rng.choice(len(self.paths), p=self.chances)
        image, people = self.photograph(index)
        for _ in range(2):
            canvas, places, kept = view(image, people, self.backgrounds, rng, size)
            canvases.append(canvas)
            boxes.append(places)
            labels.append(len(self.people) + self.boxes_of[index][kept])
            vectors.append(self.box_teacher[self.boxes_of[index][kept]])
        return canvases, boxes, torch.from_numpy(np.concatenate(labels)), torch.cat(vectors)


class Describer(nn.Module):
    """Canvases and boxes -> unit vectors, with normalised features."""

    def __init__(self, graph, weights):
        super().__init__()
        last = {node.name: node for node in graph.nodes if node.name.startswith("id.")}
        features = last["id.0"].inputs[0]
        self.network = GraphNetwork(replace(graph, outputs={"features": features}))
        self.network.load_arrays(weights)
        width, hidden, size = graph.nodes[features].channels, last["id.0"].channels, last["id.2"].channels
        self.norm, self.hidden_norm = nn.BatchNorm1d(width, affine=False), nn.BatchNorm1d(hidden)
        self.first, self.second = nn.Linear(width, hidden, bias=False), nn.Linear(hidden, size)
        for name, parameter in self.network.named_parameters():
            parameter.requires_grad_(name.startswith(TRAINED))

    def forward(self, canvases, boxes):
        pixels = torch.from_numpy(np.stack(canvases)[..., ::-1].copy()).permute(0, 3, 1, 2).float() / 255
        slots = torch.zeros(len(boxes), max(map(len, boxes)), 4)
        for row, places in zip(slots, boxes, strict=True):
            row[: len(places)] = torch.from_numpy(places)
        read = self.network(pixels, slots)["features"][:, :, 0].transpose(1, 2)
        people = torch.cat([row[: len(places)] for row, places in zip(read, boxes, strict=True)])
        return F.normalize(self.second(F.relu(self.hidden_norm(self.first(self.norm(people))))), dim=-1)

    def folded(self):
        """Return the arrays of the network, normalisations folded into both layers."""
        arrays = self.network.arrays()
        scale = 1 / torch.sqrt(self.norm.running_var.double() + self.norm.eps)
        first = self.first.weight.double() * scale
        norm = self.hidden_norm
        gain = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
        bias = norm.bias.double() - gain * (first @ self.norm.running_mean.double() + norm.running_mean.double())
        layers = {"id.0": (first * gain[:, None], bias), "id.2": (self.second.weight, self.second.bias)}
        for name, (weight, bias) in layers.items():
            arrays[f"{name}.weight"] = weight.detach()[:, :, None, None].float().numpy()
            arrays[f"{name}.bias"] = bias.detach().float().numpy()
        return arrays


def loss_of(vectors, labels, teacher, directions):
    """Return the loss of one step; ``directions`` [people, D] of the identities of Market-1501."""
    crops = labels < len(directions)
    cosines = vectors[crops] @ F.normalize(directions, dim=1).T
    wanted = F.one_hot(labels[crops], len(directions)).float()
    identity = F.cross_entropy(SCALE * (cosines - MARGIN * wanted), labels[crops], label_smoothing=SMOOTHING)
    pairs, other = vectors @ vectors.T, ~torch.eye(len(vectors), dtype=torch.bool)
    likeness = ((pairs - teacher @ teacher.T)[other] ** 2).mean()
    same = (labels[:, None] == labels) & other
    logits = (pairs / TEMPERATURE).masked_fill(~other, -1e9)
    chances = (logits - logits.logsumexp(1, keepdim=True)) * same
    counts = same.sum(1)
    contrast = -(chances.sum(1)[counts > 0] / counts[counts > 0]).mean()
    return identity + TEACHER_WEIGHT * likeness + CONTRAST_WEIGHT * contrast


def rate_of(step, rounds):
    """Return the learning rate of a step: half a cosine a round."""
    begin, rate = 0, RATE
    for steps in rounds:
        if step < begin + steps:
            break
        begin, rate = begin + steps, LATER_RATE
    return rate * min(1, (step - begin + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * (step - begin) / steps))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("start", type=Path)
    parser.add_argument("material", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--rounds", type=int, nargs="+", default=[6000, 5000, 2000], help="steps of each round")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    arguments.work.mkdir(parents=True, exist_ok=True)
    checkpoint = arguments.work / "checkpoint.pt"

    file, material = load_weights(arguments.start), Material(arguments.material)
    describer = Describer(build_graph(file.network), file.arrays)
    directions = nn.Parameter(torch.randn(len(material.people), describer.second.out_features) * 0.1)
    trained = [parameter for parameter in describer.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        [{"params": trained, "weight_decay": WEIGHT_DECAY}, {"params": [directions], "weight_decay": 0.0}], lr=RATE
    )
    average = {name: value.clone() for name, value in describer.state_dict().items()}
    start = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        describer.load_state_dict(saved["describer"])
        optimizer.load_state_dict(saved["optimizer"])
        directions.data.copy_(saved["directions"])
        average, start = saved["average"], saved["step"]

    describer.train()
    last = sum(arguments.rounds)
    for step in range(start, last):
        for group in optimizer.param_groups:
            group["lr"] = rate_of(step, arguments.rounds)
        canvases, boxes, labels, teacher = material.draw(np.random.default_rng([1, step]))
        loss = loss_of(describer(canvases, boxes), labels, teacher, directions)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(trained, CLIP_NORM)
        optimizer.step()
        decay = min(AVERAGE_DECAY, (step + 1) / (step + 20))
        for name, value in describer.state_dict().items():
            average[name] = torch.lerp(average[name], value, 1 - decay) if value.is_floating_point() else value.clone()
        if (step + 1) % 100 == 0 or step + 1 == last:
            print(f"step {step + 1} of {last}: loss {loss.item():.3f}", flush=True)
            state = {"describer": describer.state_dict(), "optimizer": optimizer.state_dict(), "average": average}
            torch.save(state | {"directions": directions.data, "step": step + 1}, f"{checkpoint}.part")
            Path(f"{checkpoint}.part").replace(checkpoint)

    describer.load_state_dict(average)
    save_weights(arguments.work / "weights.safetensors", file.network, describer.folded(), file.notes)


if __name__ == "__main__":
    main()
