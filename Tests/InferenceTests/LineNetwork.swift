@testable import Inference

/// A small network along one axis, as slow and obvious as can be: the reference for tiles.
struct LineNetwork: CustomStringConvertible {
    enum Layer {
        /// Cross-correlation with zero padding, a bias and ReLU: i reads s i - pad + d j.
        case convolution([Double], stride: Int, padding: Int, dilation: Int)
        /// PyTorch's ConvTranspose: input i adds to s i - pad + j.
        case transposed([Double], stride: Int, padding: Int)
        /// Every block of n pixels minus its mean, the last block smaller: attention or norm in fixed windows.
        case window(Int)
        /// x + up(convolution(down(x))), halved in between. Takes even sizes only.
        case unet([Double])
    }

    var layers: [Layer]

    var description: String { "\(layers)" }

    func callAsFunction(_ input: [Double]) -> [Double] {
        layers.reduce(input) { $1($0) }
    }

    /// The inputs that an output may read, were the axis without end.
    func reads(_ index: Int) -> ClosedRange<Int> {
        layers.reversed().reduce(index...index) { $1.reads($0) }
    }

    /// Output pixels per input pixel.
    var scale: (numerator: Int, denominator: Int) {
        layers.reduce((1, 1)) { scale, layer in
            let next = (scale.0 * layer.factor.up, scale.1 * layer.factor.down)
            let divisor = greatestCommonDivisor(next.0, next.1)
            return (next.0 / divisor, next.1 / divisor)
        }
    }

    /// The smallest step of the input that every layer's own step divides.
    var alignment: Int {
        var result = scale.denominator
        for (index, layer) in layers.enumerated() {
            let before = LineNetwork(layers: Array(layers[..<index])).scale
            let step = layer.step * before.denominator
            result = leastCommonMultiple(result, step / greatestCommonDivisor(before.numerator, step))
        }
        return result
    }

    /// The geometry, from what the outputs of one period read.
    func geometry() throws -> AxisGeometry {
        let scale = scale, alignment = alignment
        let period = alignment / scale.denominator * scale.numerator
        // Far from 0, where integer division would round the other way.
        let start = 1000 * alignment
        let reads = (0..<period).map { self.reads(1000 * period + $0) }
        return try AxisGeometry(scaleNumerator: scale.numerator, scaleDenominator: scale.denominator, alignment: alignment,
                                haloBefore: reads.map { start - $0.lowerBound }.max() ?? 0,
                                haloAfter: reads.map { $0.upperBound - (start + alignment - 1) }.max() ?? 0)
    }

    /// Joins what the tiles of the axis keep. Nil where a tile's output is too short.
    func tiled(_ input: [Double], _ axis: TileAxis) -> [Double]? {
        var result: [Double] = []
        for tile in axis.tiles {
            let output = self(Array(input[tile.input]))
            let end = tile.keepOffset + tile.keep.count
            guard tile.keepOffset >= 0, end <= output.count else { return nil }
            result += output[tile.keepOffset..<end]
        }
        return result
    }
}

extension LineNetwork.Layer {
    func callAsFunction(_ x: [Double]) -> [Double] {
        switch self {
        case .convolution(let weights, let stride, let padding, let dilation):
            let room = x.count + 2 * padding - dilation * (weights.count - 1) - 1
            guard room >= 0 else { return [] }
            return (0...room / stride).map { i in
                var sum = 0.3
                for (j, weight) in weights.enumerated() {
                    let k = stride * i - padding + dilation * j
                    if x.indices.contains(k) { sum += weight * x[k] }
                }
                return max(0, sum)
            }
        case .transposed(let weights, let stride, let padding):
            let count = (x.count - 1) * stride - 2 * padding + weights.count
            guard count > 0 else { return [] }
            return (0..<count).map { i in
                var sum = -0.1
                for (j, weight) in weights.enumerated() where (i + padding - j) % stride == 0 {
                    let k = (i + padding - j) / stride
                    if x.indices.contains(k) { sum += weight * x[k] }
                }
                return sum
            }
        case .window(let size):
            return stride(from: 0, to: x.count, by: size).flatMap { start in
                let block = x[start..<min(start + size, x.count)]
                let mean = block.reduce(0, +) / Double(block.count)
                return block.map { $0 - mean }
            }
        case .unet(let weights):
            return zip(x, LineNetwork(layers: Self.unetBody(weights))(x)).map { $0 + $1 }
        }
    }

    func reads(_ range: ClosedRange<Int>) -> ClosedRange<Int> {
        let low = range.lowerBound, high = range.upperBound
        switch self {
        case .convolution(let weights, let stride, let padding, let dilation):
            return stride * low - padding...stride * high - padding + dilation * (weights.count - 1)
        case .transposed(let weights, let stride, let padding):
            let first = (low + padding - weights.count + stride) / stride
            // Padding of a transposed convolution cuts pixels off. A tile cuts them off too, at its own ends, though all they read lies inside: what a layer after
            // this one needs must therefore have its own place in the tile, not only what it reads.
            let cut = max(0, 2 * padding + stride - weights.count)
            return min(first, low / stride)...max((high + padding) / stride, (high + cut) / stride)
        case .window(let size):
            return low.roundedDown(to: size)...high.roundedDown(to: size) + size - 1
        case .unet(let weights):
            let inner = Self.unetBody(weights).reversed().reduce(range) { $1.reads($0) }
            return min(low, inner.lowerBound)...max(high, inner.upperBound)
        }
    }

    fileprivate var factor: (up: Int, down: Int) {
        switch self {
        case .convolution(_, let stride, _, _): (1, stride)
        case .transposed(_, let stride, _): (stride, 1)
        case .window, .unet: (1, 1)
        }
    }

    fileprivate var step: Int {
        switch self {
        case .convolution(_, let stride, _, _): stride
        case .transposed: 1
        case .window(let size): size
        case .unet: 2
        }
    }

    private static func unetBody(_ weights: [Double]) -> [Self] {
        [.convolution(weights, stride: 2, padding: 1, dilation: 1), .convolution(weights, stride: 1, padding: 1, dilation: 1), .transposed([0.7, -0.4], stride: 2, padding: 0)]
    }
}
