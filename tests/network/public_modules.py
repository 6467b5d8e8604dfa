"""The published topologies written independently, as plain PyTorch modules, to check the graphs against.

Written from the papers and the public descriptions, with nothing of the package's graph: enlargements, stacks and sums
stand here as PyTorch's own layers, and parameters get their public names from the modules themselves.
"""

import torch
import torch.nn.functional as F
from torch import nn

from fairmot.engines.torch.deformable import sampled_convolution


class Deformable(nn.Module):
    """DCNv2: its sampling is tested against NumPy elsewhere."""

    def __init__(self, cin, cout):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(cout, cin, 3, 3))
        self.bias = nn.Parameter(torch.zeros(cout))
        self.conv_offset_mask = nn.Conv2d(cin, 27, 3, 1, 1)

    def forward(self, x):
        y = self.conv_offset_mask(x)
        return sampled_convolution(x, y[:, :18], y[:, 18:].sigmoid(), self.weight, self.bias, 1, 1)


def conv(cin, cout, kernel, stride=1):
    return nn.Conv2d(cin, cout, kernel, stride, kernel // 2, bias=False)


def unit(cin, cout, kernel, stride=1, relu=True):
    return nn.Sequential(conv(cin, cout, kernel, stride), nn.BatchNorm2d(cout), *([nn.ReLU()] if relu else []))


class Residual(nn.Module):
    """Block of ResNet and HRNet; ``inner`` is None for two 3x3 convolutions, else the width of a bottleneck."""

    def __init__(self, cin, cout, stride=1, inner=None):
        super().__init__()
        layers = [(cin, cout, 3, stride), (cout, cout, 3, 1)]
        if inner:
            layers = [(cin, inner, 1, 1), (inner, inner, 3, stride), (inner, cout, 1, 1)]
        self.count = len(layers)
        for number, (a, b, kernel, step) in enumerate(layers, start=1):
            self.add_module(f"conv{number}", conv(a, b, kernel, step))
            self.add_module(f"bn{number}", nn.BatchNorm2d(b))
        self.downsample = unit(cin, cout, 1, stride, relu=False) if (cin, stride) != (cout, 1) else None

    def forward(self, x):
        y = x
        for number in range(1, self.count + 1):
            y = self.get_submodule(f"bn{number}")(self.get_submodule(f"conv{number}")(y))
            y = F.relu(y) if number < self.count else y
        return F.relu(y + (self.downsample(x) if self.downsample else x))


def layer(cin, cout, depth, stride=1, inner=None):
    first = Residual(cin, cout, stride, inner)
    return nn.Sequential(first, *(Residual(cout, cout, 1, inner) for _ in range(depth - 1)))


class WithHeads(nn.Module):
    def add_heads(self, channels, width=256, embedding=128, activation=nn.ReLU):
        for head, out in (("hm", 1), ("wh", 4), ("id", embedding), ("reg", 2)):
            self.add_module(
                head, nn.Sequential(nn.Conv2d(channels, width, 3, 1, 1), activation(), nn.Conv2d(width, out, 1))
            )

    def forward(self, x):
        x = self.features(x)
        names = {"hm": "heatmap", "wh": "extents", "id": "embedding", "reg": "offsets"}
        return {ours: self.get_submodule(public)(x) for public, ours in names.items()}


def enlargement(cin, cout):
    return [
        Deformable(cin, cout),
        nn.BatchNorm2d(cout),
        nn.ReLU(),
        nn.ConvTranspose2d(cout, cout, 4, 2, 1, bias=False),
        nn.BatchNorm2d(cout),
        nn.ReLU(),
    ]


class ActivatedDeformable(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.actf = nn.Sequential(nn.BatchNorm2d(cout), nn.ReLU())
        self.conv = Deformable(cin, cout)

    def forward(self, x):
        return self.actf(self.conv(x))


class ResNet(WithHeads):
    def __init__(self, wide, pyramid):
        super().__init__()
        self.pyramid = pyramid
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        cin = 64
        for number, (width, depth) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3)), start=1):
            cout = 4 * width if wide else width
            self.add_module(f"layer{number}", layer(cin, cout, depth, 2 if number > 1 else 1, width if wide else None))
            cin = cout
        stages = [enlargement(a, b) for a, b in ((cin, 256), (256, 128), (128, 64))]
        if pyramid:
            for number, (stage, width) in enumerate(zip(stages, (256, 128, 64), strict=True), start=1):
                self.add_module(f"deconv_layer{number}", nn.Sequential(*stage))
                self.add_module(f"project_layer{number}", ActivatedDeformable(width, width))
                self.add_module(f"smooth_layer{number}", ActivatedDeformable(width, width))
        else:
            self.deconv_layers = nn.Sequential(*(module for stage in stages for module in stage))
        self.add_heads(64)

    def features(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        maps = []
        for number in range(1, 5):
            x = self.get_submodule(f"layer{number}")(x)
            maps.append(x)
        if not self.pyramid:
            return self.deconv_layers(x)
        for number in range(1, 4):
            lateral = self.get_submodule(f"project_layer{number}")(maps[3 - number])
            x = self.get_submodule(f"smooth_layer{number}")(self.get_submodule(f"deconv_layer{number}")(x) + lateral)
        return x


class Exchange(nn.Module):
    """One module of HRNet: four blocks a branch, then every branch gets the sum of all."""

    def __init__(self, widths):
        super().__init__()
        self.branches = nn.ModuleList(layer(w, w, 4) for w in widths)
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(self.path(widths, source, target) for source in range(len(widths)))
            for target in range(len(widths))
        )

    @staticmethod
    def path(widths, source, target):
        if source == target:
            return nn.Identity()
        if source > target:
            factor = 2 ** (source - target)
            return nn.Sequential(*unit(widths[source], widths[target], 1, relu=False), nn.Upsample(scale_factor=factor))
        inner = [unit(widths[source], widths[source], 3, 2) for _ in range(target - source - 1)]
        return nn.Sequential(*inner, unit(widths[source], widths[target], 3, 2, relu=False))

    def forward(self, maps):
        maps = [branch(x) for branch, x in zip(self.branches, maps, strict=True)]
        return [F.relu(sum(path(x) for path, x in zip(paths, maps, strict=True))) for paths in self.fuse_layers]


class HrNet(WithHeads):
    def __init__(self, width):
        super().__init__()
        widths = [width * 2**branch for branch in range(4)]
        self.conv1, self.bn1 = conv(3, 64, 3, 2), nn.BatchNorm2d(64)
        self.conv2, self.bn2 = conv(64, 64, 3, 2), nn.BatchNorm2d(64)
        self.layer1 = layer(64, 256, 4, inner=64)
        self.transition1 = nn.ModuleList([unit(256, widths[0], 3), nn.Sequential(unit(256, widths[1], 3, 2))])
        self.stage2 = nn.Sequential(Exchange(widths[:2]))
        self.transition2 = nn.ModuleDict({"2": nn.Sequential(unit(widths[1], widths[2], 3, 2))})
        self.stage3 = nn.Sequential(*(Exchange(widths[:3]) for _ in range(4)))
        self.transition3 = nn.ModuleDict({"3": nn.Sequential(unit(widths[2], widths[3], 3, 2))})
        self.stage4 = nn.Sequential(*(Exchange(widths) for _ in range(3)))
        self.add_heads(sum(widths))

    def features(self, x):
        x = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        x = self.layer1(x)
        maps = self.stage2([transition(x) for transition in self.transition1])
        maps = self.stage3([*maps, self.transition2["2"](maps[-1])])
        maps = self.stage4([*maps, self.transition3["3"](maps[-1])])
        size = maps[0].shape[2:]
        return torch.cat([F.interpolate(x, size, mode="bilinear", align_corners=False) for x in maps], 1)


class Conv(nn.Module):
    def __init__(self, cin, cout, kernel=1, stride=1):
        super().__init__()
        self.conv, self.bn = conv(cin, cout, kernel, stride), nn.BatchNorm2d(cout, 1e-3)

    def forward(self, x):
        return F.silu(self.bn(self.conv(x)))


class Focus(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = Conv(12, 32, 3)

    def forward(self, x):
        return self.conv(torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1))


class Bottleneck(nn.Module):
    def __init__(self, width, shortcut):
        super().__init__()
        self.shortcut = shortcut
        self.cv1, self.cv2 = Conv(width, width), Conv(width, width, 3)

    def forward(self, x):
        y = self.cv2(self.cv1(x))
        return x + y if self.shortcut else y


class CrossStage(nn.Module):
    def __init__(self, cin, cout, depth, shortcut):
        super().__init__()
        half = cout // 2
        self.cv1, self.cv2, self.cv3 = Conv(cin, half), Conv(cin, half), Conv(cout, cout)
        self.m = nn.Sequential(*(Bottleneck(half, shortcut) for _ in range(depth)))

    def forward(self, x):
        return self.cv3(torch.cat([self.m(self.cv1(x)), self.cv2(x)], 1))


class Pyramid(nn.Module):
    def __init__(self):
        super().__init__()
        self.cv1, self.cv2 = Conv(512, 256), Conv(1024, 512)

    def forward(self, x):
        x = self.cv1(x)
        return self.cv2(torch.cat([x, *(F.max_pool2d(x, size, 1, size // 2) for size in (5, 9, 13))], 1))


class Yolo(WithHeads):
    def __init__(self):
        super().__init__()
        up = nn.Upsample(scale_factor=2)
        layers = [
            *(Focus(), Conv(32, 64, 3, 2), CrossStage(64, 64, 1, True)),
            *(Conv(64, 128, 3, 2), CrossStage(128, 128, 3, True)),
            *(Conv(128, 256, 3, 2), CrossStage(256, 256, 3, True)),
            *(Conv(256, 512, 3, 2), Pyramid(), CrossStage(512, 512, 1, False)),
            *(Conv(512, 256), up, nn.Identity(), CrossStage(512, 256, 1, False)),
            *(Conv(256, 128), up, nn.Identity(), CrossStage(256, 128, 1, False)),
            *(Conv(128, 64), up, nn.Identity(), CrossStage(128, 64, 1, False)),
        ]
        self.backbone = nn.Module()
        self.backbone.model = nn.Sequential(*layers)
        self.add_heads(64, 64, 64, nn.SiLU)

    def features(self, x):
        seen = []
        lateral = {12: 6, 16: 4, 20: 2}
        for number, module in enumerate(self.backbone.model):
            x = torch.cat([x, seen[lateral[number]]], 1) if number in lateral else module(x)
            seen.append(x)
        return x


MODULES = {
    "resdcn_34": lambda: ResNet(False, False),
    "resdcn_50": lambda: ResNet(True, False),
    "resfpndcn_34": lambda: ResNet(False, True),
    "hrnet_18": lambda: HrNet(18),
    "hrnet_32": lambda: HrNet(32),
    "yolo": Yolo,
}
