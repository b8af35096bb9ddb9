#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// How the host may cut up the image for a network.
public enum NetworkPlan: Sendable, Hashable {
    /// The host derives size, scale, halo and alignment from the graph, and runs it whole where it cannot.
    case derive
    /// No tiling is correct: the host runs the whole image at once, and derives the size of the output from the graph.
    case whole
    /// The output has the size of the input and that many bands. Pixels meet only within blocks of `size` x `size`, anchored at the
    /// top left; the last block of a row or column may be smaller. The host cuts only between blocks.
    case windows(size: Int, outputBands: Int)
    /// As `windows`, for a network that also reaches beyond its blocks, or changes the size: a tile that begins at a multiple of `size` and is `halo` pixels of
    /// the input larger on each side gives what the whole image gives. Sizes off the multiple are taken as they are where `isRagged`, and otherwise
    /// extended right and bottom by their reflection.
    case blocks(size: Int, halo: Int, scale: Reach.Scale, isRagged: Bool, outputBands: Int)
}

/// The serialized ONNX model of a network stage. A reference: copies of it share the bytes, and they stay where they are.
public final class ModelBytes: Sendable {
    // Written only in `init`.
    nonisolated(unsafe) let buffer: UnsafeRawBufferPointer

    public init(_ bytes: [UInt8]) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
        copy.copyBytes(from: bytes)
        buffer = UnsafeRawBufferPointer(copy)
    }

    /// Bytes that `fill` writes: it gets memory for `count` bytes.
    public init<Failure: Error>(count: Int, fill: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void) throws(Failure) {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
        buffer = UnsafeRawBufferPointer(memory)
        try fill(memory)
    }

    deinit { buffer.deallocate() }

    /// How many bytes there are.
    public var count: Int { buffer.count }

    /// Calls `body` with the bytes, which are valid as long as this object is.
    public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withExtendedLifetime(self) { body(buffer) }
    }
}

/// An ONNX model and what the host must know to feed it.
///
/// With `v` a picture's sample at full scale 1 and `[a, b]` the stage's `range` parameter, the graph gets
/// `scale[c] * (a + v * (b - a)) + bias[c]`; its output `y` becomes `(y - a') / (b' - a')` with `[a', b']` the `output_range`. Data
/// images skip the ranges.
public struct NetworkGraph: Sendable {
    /// The order of the axes of a picture in the graph.
    public enum Layout: Sendable, Hashable {
        case nchw
        case nhwc
    }

    /// One more input of the graph that does not come from a picture: a noise level, a style vector.
    public struct Constant: Sendable, Hashable {
        public var name: String
        public var shape: [Int]
        /// As many as the product of `shape`. The host converts to the type that the graph wants.
        public var values: [Float]

        public init(name: String, shape: [Int], values: [Float]) {
            self.name = name
            self.shape = shape
            self.values = values
        }
    }

    /// The serialized `ModelProto`, without external data.
    public var onnx: ModelBytes
    /// Equal keys mean equal bytes; `nil`: the host hashes them.
    public var key: String?
    /// `nil`: N x C x H x W, unless `isOpen` leaves it to the graph.
    public var layout: Layout?
    /// Whether the host is to take what is left open here from the graph, where that proves it: the layout, the range of the picture (unless
    /// `scale` or `bias` is given), and the range of the result. For stages that run models of others.
    public var isOpen = false
    /// Whether the bands of the input, and of an output of three bands, are in reverse order.
    public var isBGR = false
    /// Whether the output keeps the size that the graph gives. Otherwise a graph of valid convolutions gets a reflected border, so
    /// that the output is exactly scale times the input.
    public var keepsSize = false
    /// The graph's inputs that take the stage's images, in order; `nil`: the only one that is left.
    public var inputNames: [String]?
    /// `nil`: the only output.
    public var outputName: String?
    /// Inputs that do not come from a picture.
    public var constants: [Constant] = []
    /// One factor for each band, or one for all, or none (1).
    public var scale: [Float] = []
    /// What is added after `scale`: one for each band, or one for all, or none (0).
    public var bias: [Float] = []
    /// The size to which the picture is scaled for the graph; the result is scaled back. For masks.
    public var fixedSize: (width: Int, height: Int)?

    public init(onnx: ModelBytes, key: String? = nil) {
        self.onnx = onnx
        self.key = key
    }

    /// A graph from its bytes, which are copied once: keep the value, and return it from each call of `network(for:)`.
    public init(onnx: [UInt8], key: String? = nil) { self.init(onnx: ModelBytes(onnx), key: key) }
}
