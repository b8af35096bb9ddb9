"""Models as they are found in the wild, each with what it should make of a picture.

Needs numpy, onnx, onnxruntime and torch. Writes NAME.onnx and cases.json beside itself. What is expected is computed here, by numpy around
ONNX Runtime, from the meaning of the stage's parameters alone: nothing of Aquatint takes part.

    python make.py [FOLDER]
"""
import io
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

warnings.filterwarnings("ignore")
OUT = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
cases = []


def picture(width, height, bands):
    """8-bit samples [height, width, bands]; the test makes the same."""
    y, x, b = np.mgrid[0:height, 0:width, 0:bands]
    return (7 * x + 13 * y + 29 * b + (x * y) % 31 * 3) % 256


def weights(rng, *shape):
    count = int(np.prod(shape[1:])) or 1
    return (rng.standard_normal(shape) / np.sqrt(count)).astype(np.float32)


def run(model, feeds):
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, feeds)))


def save(name, model, parameters, size, expected, tolerance=0.05, runs=None, notes=None):
    """expected: float samples in code values, [height, width, bands] of the result."""
    onnx.save(model, OUT / f"{name}.onnx")
    height, width, bands = expected.shape
    points = [(0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1), (width // 2, height // 2)]
    points += [((i * 7919 + 3) % width, (i * 104729 + 5) % height) for i in range(12)]
    samples = [[x, y, b, round(float(expected[y, x, b]), 4)] for x, y in points for b in range(bands)]
    cases.append(dict(name=name, parameters=parameters, picture=list(size), result=[width, height, bands], samples=samples,
                      mean=round(float(expected.astype(np.float64).mean()), 4), tolerance=tolerance, findings=notes or []))


def nchw(p):
    return p.transpose(2, 0, 1)[None].astype(np.float32)


def back(y):
    """[1, C, H, W] to [H, W, C]."""
    return y[0].transpose(1, 2, 0)


def graph(nodes, inputs, outputs, initializers=(), opset=17, ir=8):
    model = h.make_model(h.make_graph(nodes, "g", inputs, outputs, initializer=[nh.from_array(v, k) for k, v in dict(initializers).items()]),
                         opset_imports=[h.make_opsetid("", opset)], ir_version=ir)
    inferred = onnx.shape_inference.infer_shapes(model)
    onnx.checker.check_model(inferred)
    del inferred.graph.value_info[:]
    return inferred


def info(name, shape, kind=T.FLOAT):
    return h.make_tensor_value_info(name, kind, shape)


def conv_parts(rng, inputs, outputs, source, result, name="w", **attributes):
    """A 3 x 3 convolution as node and initializers."""
    node = h.make_node("Conv", [source, f"{name}.weight", f"{name}.bias"], [result], name=f"{name}/Conv", pads=attributes.pop("pads", [1] * 4), **attributes)
    return node, {f"{name}.weight": weights(rng, outputs, inputs, 3, 3), f"{name}.bias": weights(rng, outputs) * 0.1}


SIZE = (41, 29, 3)


def torch_opsets():
    """What torch.onnx exports of one network at each operator set that its exporter knows, at a static size."""
    torch.manual_seed(1)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.PReLU(4), torch.nn.Conv2d(4, 12, 3, padding=1), torch.nn.PixelShuffle(2)).eval()
    p = picture(*SIZE)
    with torch.no_grad():
        y = net(torch.from_numpy(nchw(p) / 255)).numpy()
    done = []
    for opset in range(7, 24):
        buffer = io.BytesIO()
        try:
            torch.onnx.export(net, torch.zeros(1, 3, 64, 64), buffer, opset_version=opset, dynamo=False, input_names=["x"], output_names=["y"])
        except Exception as error:
            print(f"torch does not export opset {opset}: {str(error).splitlines()[0][:100]}")
            continue
        done.append(opset)
        save(f"torch-opset{opset}", onnx.load_from_string(buffer.getvalue()), {}, SIZE, back(y) * 255,
             notes=["any size"] if opset < 11 else [])
    # Later sets by the converter of the onnx package, from the newest that torch writes.
    source = onnx.load(OUT / f"torch-opset{done[-1]}.onnx")
    for opset in range(done[-1] + 1, 24):
        model = onnx.version_converter.convert_version(source, opset)
        save(f"torch-opset{opset}", model, {}, SIZE, back(y) * 255)


def unet():
    """A U-Net exported at one size: its enlargement is written as a size."""
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = (torch.nn.Conv2d(i, o, 3, padding=1) for i, o in [(3, 4), (4, 4), (8, 3)])

        def forward(self, x):
            a = torch.relu(self.a(x))
            b = torch.relu(self.b(torch.nn.functional.max_pool2d(a, 2)))
            up = torch.nn.functional.interpolate(b, size=a.shape[2:], mode="nearest")
            return self.c(torch.cat([a, up], 1))

    torch.manual_seed(2)
    net, buffer = Net().eval(), io.BytesIO()
    torch.onnx.export(net, torch.zeros(1, 3, 64, 64), buffer, opset_version=17, dynamo=False, input_names=["x"], output_names=["y"])
    p = picture(44, 30, 3)
    with torch.no_grad():
        y = net(torch.from_numpy(nchw(p) / 255)).numpy()
    save("unet-static", onnx.load_from_string(buffer.getvalue()), {}, (44, 30, 3), back(y) * 255, notes=["any size"])


def several_outputs():
    rng = np.random.default_rng(3)
    a, ia = conv_parts(rng, 3, 3, "x", "small", "a")
    b, ib = conv_parts(rng, 3, 1, "small", "mask_raw", "b")
    model = graph([a, b, h.make_node("Sigmoid", ["mask_raw"], ["mask"])], [info("x", ["n", 3, "h", "w"])],
                  [info("small", None), info("mask", ["n", 1, "h", "w"])], ia | ib)
    p = picture(*SIZE)
    got = run(model, {"x": nchw(p) / 255})
    save("two-outputs", model, {"output": "mask"}, SIZE, back(got["mask"]) * 255)
    save("two-outputs", model, {"output": "small"}, SIZE, back(got["small"]) * 255)


def extras():
    """A scalar float16, a vector of int64 that decides the size, a bool, and a float of an open batch."""
    rng = np.random.default_rng(4)
    a, ia = conv_parts(rng, 3, 3, "x", "a0", "a")
    nodes = [
        a, h.make_node("Cast", ["sigma"], ["s"], to=T.FLOAT), h.make_node("Mul", ["a0", "s"], ["a1"]),
        h.make_node("Where", ["invert", "a0", "a1"], ["a2"]),
        h.make_node("Cast", ["factor"], ["f"], to=T.FLOAT), h.make_node("Resize", ["a2", "", "f"], ["a3"], mode="nearest",
                                                                        coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
        h.make_node("Unsqueeze", ["style", "axes"], ["st"]), h.make_node("Add", ["a3", "st"], ["y"]),
    ]
    model = graph(nodes, [info("x", [1, 3, "h", "w"]), info("sigma", [1], T.FLOAT16), info("invert", [], T.BOOL), info("factor", [4], T.INT64),
                          info("style", ["batch", 3, 1])], [info("y", None)], ia | {"axes": np.array([3], np.int64)})
    p = picture(*SIZE)
    got = run(model, {"x": nchw(p) / 255, "sigma": np.array([0.75], np.float16), "invert": np.array(False), "factor": np.array([1, 1, 2, 2], np.int64),
                      "style": np.array([[[0.1], [0.2], [-0.1]]], np.float32)})["y"]
    save("extras", model, {"input": "x", "extra": {"sigma": 0.75, "invert": 0, "factor": [1, 1, 2, 2], "style": [0.1, 0.2, -0.1]}}, SIZE, back(got) * 255)


def channels_last():
    rng = np.random.default_rng(5)
    a, ia = conv_parts(rng, 3, 3, "t", "u", "a")
    nodes = [h.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]), a, h.make_node("Transpose", ["u"], ["y"], perm=[0, 2, 3, 1])]
    model = graph(nodes, [info("x", ["unk__1", "unk__2", "unk__3", 3])], [info("y", ["unk__1", "unk__2", "unk__3", 3])], ia, opset=13)
    p = picture(*SIZE)
    got = run(model, {"x": p[None].astype(np.float32) / 255})["y"][0]
    save("nhwc", model, {}, SIZE, got * 255, notes=["layout nhwc"])
    save("nhwc", model, {"layout": "nhwc"}, SIZE, got * 255)

    nodes = [h.make_node("Cast", ["x"], ["f"], to=T.FLOAT), h.make_node("Div", ["f", "white"], ["s"], name="scale"),
             h.make_node("Transpose", ["s"], ["t"], perm=[0, 3, 1, 2]), a, h.make_node("Transpose", ["u"], ["v"], perm=[0, 2, 3, 1]),
             h.make_node("Mul", ["v", "white"], ["m"]), h.make_node("Clip", ["m", "zero", "white"], ["c"]), h.make_node("Round", ["c"], ["r"]),
             h.make_node("Cast", ["r"], ["y"], to=T.UINT8)]
    model = graph(nodes, [info("x", [1, "h", "w", 3], T.UINT8)], [info("y", [1, "h", "w", 3], T.UINT8)],
                  ia | {"white": np.array(255, np.float32), "zero": np.array(0, np.float32)}, opset=13)
    got = run(model, {"x": p[None].astype(np.uint8)})["y"][0]
    save("nhwc-uint8", model, {}, SIZE, got.astype(np.float64), tolerance=1.01, notes=["layout nhwc", "range [0, 255], since the input is uint8"])

    # Channels first in, channels last out, and no batch.
    nodes = [h.make_node("Unsqueeze", ["x", "axes"], ["t"]), a, h.make_node("Transpose", ["u"], ["v"], perm=[0, 2, 3, 1]), h.make_node("Squeeze", ["v", "axes"], ["y"])]
    model = graph(nodes, [info("x", [3, "h", "w"])], [info("y", ["h", "w", 3])], ia | {"axes": np.array([0], np.int64)}, opset=13)
    got = run(model, {"x": nchw(p)[0] / 255})["y"]
    save("no-batch", model, {}, SIZE, got * 255)


def channels():
    rng = np.random.default_rng(6)
    a, ia = conv_parts(rng, 1, 1, "x", "y", "a")
    model = graph([a], [info("x", ["n", 1, "h", "w"])], [info("y", None)], ia)
    p = picture(*SIZE).astype(np.float64)
    luma = p @ [0.299, 0.587, 0.114]
    new = run(model, {"x": (luma[None, None] / 255).astype(np.float32)})["y"][0, 0].astype(np.float64) * 255
    # Colour beside: the same offsets from brightness.
    save("luma", model, {}, SIZE, p - luma[..., None] + new[..., None])
    grey = picture(41, 29, 1)
    save("luma", model, {}, (41, 29, 1), back(run(model, {"x": nchw(grey) / 255})["y"]) * 255)
    b, ib = conv_parts(rng, 3, 3, "x", "y", "b")
    model = graph([b], [info("x", ["n", "c", "h", "w"])], [info("y", None)], ib)
    save("open-channels", model, {}, (41, 29, 1), back(run(model, {"x": np.repeat(nchw(grey), 3, 1) / 255})["y"]) * 255, notes=["3 channels"])


def ranges():
    rng = np.random.default_rng(7)
    a, ia = conv_parts(rng, 3, 3, "x", "y", "a")
    model = graph([a], [info("x", [1, 3, "h", "w"])], [info("y", None)], ia)
    p = picture(*SIZE)
    v = nchw(p) / 255
    mean, std = np.array([0.485, 0.456, 0.406], np.float32).reshape(1, 3, 1, 1), np.array([0.229, 0.224, 0.225], np.float32).reshape(1, 3, 1, 1)
    save("plain", model, {"range": [-1, 1]}, SIZE, (back(run(model, {"x": v * 2 - 1})["y"]) + 1) / 2 * 255)
    save("plain", model, {"range": [0, 255]}, SIZE, back(run(model, {"x": v * 255})["y"]))
    save("plain", model, {"range": [0, 255], "output_range": [0, 1]}, SIZE, back(run(model, {"x": v * 255})["y"]) * 255, tolerance=8)
    normal = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    save("plain", model, normal, SIZE, back(run(model, {"x": (v - mean) / std})["y"]) * 255)
    save("plain", model, {"order": "bgr"}, SIZE, back(run(model, {"x": v[:, ::-1].copy()})["y"])[..., ::-1] * 255)
    save("plain", model, normal | {"order": "bgr"}, SIZE, back(run(model, {"x": ((v - mean) / std)[:, ::-1].copy()})["y"])[..., ::-1] * 255)
    save("plain", model, {"strength": 0.25}, SIZE, 0.25 * back(run(model, {"x": v})["y"]) * 255 + 0.75 * p)

    nodes = [h.make_node("Sub", ["x", "mean"], ["c"], name="normalise/Sub"), h.make_node("Div", ["c", "std"], ["t"], name="normalise/Div"),
             conv_parts(rng, 3, 3, "t", "u", "b")[0], h.make_node("Tanh", ["u"], ["y"], name="last/Tanh")]
    ib = conv_parts(rng, 3, 3, "t", "u", "b")[1]
    model = graph(nodes, [info("x", [1, 3, "h", "w"])], [info("y", None)], ib | {"mean": mean * 255, "std": std * 255})
    save("normalised-inside", model, {}, SIZE, (back(run(model, {"x": v * 255})["y"]) + 1) / 2 * 255,
         notes=["range [0, 255], since normalise/Sub (Sub) and normalise/Div (Div)", "output_range [-1, 1], since last/Tanh (Tanh) makes it"])
    save("normalised-inside", model, {"range": [0, 1], "output_range": [0, 1]}, SIZE, back(run(model, {"x": v})["y"]) * 255)
    save("normalised-inside", model, {"mean": [0], "std": [1]}, SIZE, (back(run(model, {"x": v})["y"]) + 1) / 2 * 255, notes=["output_range [-1, 1]"])


def types():
    rng = np.random.default_rng(8)
    p = picture(*SIZE)
    for kind, number, name, tolerance in [(T.FLOAT16, np.float16, "float16", 1.5), (T.DOUBLE, np.float64, "double", 0.05)]:
        node, ia = conv_parts(rng, 3, 3, "x", "y", "a")
        model = graph([node], [info("x", [1, 3, "h", "w"], kind)], [info("y", None, kind)], {k: v.astype(number) for k, v in ia.items()})
        # ONNX Runtime has no such convolution for every type on a CPU: its float one is the reference.
        single = graph([node], [info("x", [1, 3, "h", "w"])], [info("y", None)], {k: v.astype(number).astype(np.float32) for k, v in ia.items()})
        save(name, model, {}, SIZE, back(run(single, {"x": nchw(p) / 255})["y"]) * 255, tolerance=tolerance)


def outputs_of_few_axes():
    rng = np.random.default_rng(9)
    a, ia = conv_parts(rng, 3, 5, "x", "u", "a")
    p = picture(*SIZE)
    feeds = {"x": nchw(p) / 255}

    def made(nodes, shape, kind=T.FLOAT, more=()):
        return graph([a] + nodes, [info("x", [1, 3, "h", "w"])], [info("y", shape, kind)], ia | dict(more))

    for keep in (0, 1):
        model = made([h.make_node("ArgMax", ["u"], ["y"], name="classes", axis=1, keepdims=keep)], None, T.INT64)
        got = run(model, feeds)["y"].reshape(29, 41, 1)
        save(f"labels-keep{keep}", model, {}, SIZE, got.astype(np.float64), notes=["numbers of classes"])
        save(f"labels-keep{keep}", model, {"output_range": [0, 4]}, SIZE, got / 4 * 255)
    model = made([h.make_node("Softmax", ["u"], ["y"], axis=1)], None)
    save("classes", model, {}, SIZE, back(run(model, feeds)["y"]), tolerance=1e-4)
    model = made([h.make_node("ReduceMean", ["u"], ["m"], axes=[1], keepdims=0), h.make_node("Squeeze", ["m", "zero"], ["y"])], None,
                 more={"zero": np.array([0], np.int64)})
    save("rank2", model, {}, SIZE, run(model, feeds)["y"][..., None] * 255)

    nodes = [h.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]), conv_parts(rng, 3, 5, "t", "u", "b")[0],
             h.make_node("Transpose", ["u"], ["v"], perm=[0, 2, 3, 1]), h.make_node("ArgMax", ["v"], ["y"], name="classes", axis=3, keepdims=0)]
    ib = conv_parts(rng, 3, 5, "t", "u", "b")[1]
    model = graph(nodes, [info("x", [1, "h", "w", 3])], [info("y", None, T.INT64)], ib)
    save("nhwc-labels", model, {}, SIZE, run(model, {"x": p[None].astype(np.float32) / 255})["y"].reshape(29, 41, 1).astype(np.float64),
         notes=["layout nhwc", "numbers of classes"])
    nodes[-1] = h.make_node("Greater", ["v", "half"], ["y"])
    nodes[1], ib = conv_parts(rng, 3, 1, "t", "u", "b")
    model = graph(nodes, [info("x", [1, "h", "w", 3])], [info("y", None, T.BOOL)], ib | {"half": np.array(0.1, np.float32)})
    save("bool-mask", model, {}, SIZE, run(model, {"x": p[None].astype(np.float32) / 255})["y"][0] * 255.0, notes=["layout nhwc"])


def borders():
    rng = np.random.default_rng(10)
    a, ia = conv_parts(rng, 3, 4, "x", "u", "a", pads=[0] * 4)
    b, ib = conv_parts(rng, 4, 3, "u", "y", "b", pads=[0] * 4, dilations=[2, 2])
    model = graph([a, b], [info("x", [1, 3, "h", "w"])], [info("y", None)], ia | ib)
    p = picture(*SIZE)
    v = nchw(p) / 255
    save("valid", model, {}, SIZE, back(run(model, {"x": np.pad(v, ((0, 0), (0, 0), (3, 3), (3, 3)), mode="reflect")})["y"]) * 255)
    save("valid", model, {"pad": "none"}, SIZE, back(run(model, {"x": v})["y"]) * 255)


def batches():
    rng = np.random.default_rng(11)
    a, ia = conv_parts(rng, 3, 3, "x", "y", "a")
    model = graph([a], [info("x", [4, 3, 32, 32])], [info("y", [4, 3, 32, 32])], ia)
    one = graph([a], [info("x", [1, 3, "h", "w"])], [info("y", None)], ia)
    p = picture(*SIZE)
    save("batch4", model, {}, SIZE, back(run(one, {"x": nchw(p) / 255})["y"]) * 255, notes=["one picture at a time"])


def fixed_size():
    rng = np.random.default_rng(12)
    a, ia = conv_parts(rng, 3, 4, "x", "u", "a")
    b, ib = conv_parts(rng, 4, 1, "m", "z", "b")
    nodes = [a, h.make_node("GlobalAveragePool", ["u"], ["g"], name="squeeze"), h.make_node("Mul", ["u", "g"], ["m"]), b, h.make_node("Sigmoid", ["z"], ["y"])]
    model = graph(nodes, [info("x", [1, 3, 32, 32])], [info("y", [1, 1, 32, 32])], ia | ib)
    p = picture(32, 32, 3)
    save("mask32", model, {}, (32, 32, 3), back(run(model, {"x": nchw(p) / 255})["y"]) * 255)
    # The same with its size in a Reshape, as a flattened attention has it.
    tied = [a, h.make_node("Reshape", ["u", "flat"], ["v"]), h.make_node("Softmax", ["v"], ["s"], axis=2), h.make_node("Reshape", ["s", "back"], ["m"]), b]
    model2 = graph(tied + [h.make_node("Sigmoid", ["z"], ["y"])], [info("x", [1, 3, 32, 32])], [info("y", [1, 1, 32, 32])],
                   ia | ib | {"flat": np.array([1, 4, 1024], np.int64), "back": np.array([1, 4, 32, 32], np.int64)})
    save("tied32", model2, {}, (32, 32, 3), back(run(model2, {"x": nchw(p) / 255})["y"]) * 255)
    other = graph(nodes, [info("x", [1, 3, 29, 41])], [info("y", [1, 1, 29, 41])], ia | ib)
    save("mask32", model, {"input_size": [41, 29]}, SIZE, back(run(other, {"x": nchw(picture(*SIZE)) / 255})["y"]) * 255)


def control_flow():
    rng = np.random.default_rng(13)
    a, ia = conv_parts(rng, 3, 3, "x", "u", "a")
    then = h.make_graph([h.make_node("Relu", ["u"], ["t"])], "then", [], [info("t", None)])
    other = h.make_graph([h.make_node("Neg", ["u"], ["e"])], "else", [], [info("e", None)])
    model = graph([a, h.make_node("ReduceMean", ["u"], ["m"], keepdims=0), h.make_node("Greater", ["m", "zero"], ["c"]),
                   h.make_node("If", ["c"], ["y"], name="choose", then_branch=then, else_branch=other)],
                  [info("x", [1, 3, "h", "w"])], [info("y", [1, 3, "h", "w"])], ia | {"zero": np.array(0, np.float32)})
    p = picture(*SIZE)
    save("if", model, {}, SIZE, back(run(model, {"x": nchw(p) / 255})["y"]) * 255)
    body = h.make_graph([h.make_node("Mul", ["v", "half"], ["v2"]), h.make_node("Add", ["v2", "u"], ["v3"]), h.make_node("Identity", ["go"], ["go2"])], "body",
                        [info("i", [], T.INT64), info("go", [], T.BOOL), info("v", [1, 3, "h", "w"])], [info("go2", [], T.BOOL), info("v3", [1, 3, "h", "w"])])
    model = graph([a, h.make_node("Loop", ["three", "", "u"], ["y"], name="repeat", body=body)], [info("x", [1, 3, "h", "w"])],
                  [info("y", [1, 3, "h", "w"])], ia | {"three": np.array(3, np.int64), "half": np.array(0.5, np.float32)})
    save("loop", model, {}, SIZE, back(run(model, {"x": nchw(p) / 255})["y"]) * 255)


def broken():
    """What this package's own builder cannot make: constants in another file."""
    rng = np.random.default_rng(14)
    node, ia = conv_parts(rng, 3, 3, "x", "y", "a")
    onnx.save(graph([node], [info("x", [1, 3, "h", "w"])], [info("y", None)], ia), OUT / "external.onnx", save_as_external_data=True, size_threshold=16,
              location="external.data")
    (OUT / "external.data").unlink()


for make in [torch_opsets, unet, several_outputs, extras, channels_last, channels, ranges, types, outputs_of_few_axes, borders, batches, fixed_size, control_flow, broken]:
    make()
(OUT / "cases.json").write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
print(len(cases), "cases")
