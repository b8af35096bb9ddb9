/// Which part of its image every result of a network depends on: what decides whether, and how, the image can be cut into tiles.
///
/// Found from the graph alone, in one pass per image size: every tensor carries, for each of the image's two axes, the run of image samples
/// that each of its indices reads (``PeriodicMap``). The pass is done for several sizes, which must agree; what differs with the size is
/// not local, whatever it is.
///
/// The claims are upper bounds: a result may depend on less than the halo says, never on more.
public struct SpatialAnalysis: Sendable {
    /// How far a result sees.
    public enum Class: String, Sendable, CaseIterable, Comparable {
        /// A fixed neighbourhood: tiles with a halo give exactly what the whole image gives.
        case local
        /// A fixed neighbourhood, where places within windows of a fixed grid meet (window attention). Stride and halo cover the windows.
        case block
        /// The whole image: statistics or attention over all places.
        case global
        /// Not known; it may depend on anything.
        case unknown

        private var rank: Int {
            switch self {
            case .local: 0
            case .block: 1
            case .global: 2
            case .unknown: 3
            }
        }

        public static func < (a: Class, b: Class) -> Bool { a.rank < b.rank }
    }

    /// What holds along one axis of the image. All sizes are in samples of the input.
    public struct Axis: Sendable, Hashable {
        /// Output samples per input sample: `scaleNumerator / scaleDenominator`, in lowest terms; 0/1 when it is not known, or there is none
        /// (the output has no axis that follows the image's).
        public var scaleNumerator = 0
        public var scaleDenominator = 1

        /// S: moving the image by a multiple of S moves the output by whole samples and changes nothing else. Tiles start at multiples of it.
        public var stride = 1

        /// How many samples before (left of, above) a cell that starts at a multiple of S its results read; never below the truth.
        ///
        /// The cell of input samples `[a, b)`, both multiples of S, makes the output samples `[a, b) * scale`, and these read
        /// `[a - haloBefore, b + haloAfter)`. With `global`, this is what the results read apart from what reads everything.
        public var haloBefore = 0
        public var haloAfter = 0

        /// The network takes images whose size is a multiple of this: 1 where any size will do. Else skip connections would not meet, or the
        /// output would not have scale times the input's size.
        public var needsMultiple = 1

        /// How much larger the image must be, before and after, for the output to have scale times its size: what unpadded ("valid")
        /// convolutions cut away. 0 for most networks; negative where the output is larger.
        ///
        /// The halos count from the extended image: output sample 0 belongs to its sample 0.
        public var trimBefore = 0
        public var trimAfter = 0

        /// The only size that the network takes, where the graph has it built in.
        public var fixedSize: Int?

        public init() {}
    }

    public private(set) var klass: Class

    /// Along the width.
    public private(set) var x: Axis

    /// Along the height.
    public private(set) var y: Axis

    /// The nodes that keep the network from being local, in the graph's order, each as `name (Op): reason`. Empty for a local network.
    public private(set) var decidingNodes: [String]

    /// The image input and the output that the analysis is about.
    public let input: String
    public let output: String
    public let layout: ImageLayout

    /// The extents of the image input with height and width as -1: what the analysis took for those that the model leaves open.
    public private(set) var inputTemplate: [Int]

    /// Which of the image's axes each axis of the output follows; `nil` where that could not be followed.
    private(set) var outputPlaces: [ImageAxis?]?

    /// Whether tiles can give what the whole image gives.
    public var isTileable: Bool { klass <= .block && x.scaleNumerator > 0 && y.scaleNumerator > 0 }

    private let model: Model

    /// The output's size for an image of `width` x `height`; throws where the network cannot take it.
    func outputSize(width: Int, height: Int) throws(ONNXError) -> (width: Int, height: Int) {
        let shapes = try model.shapes(with: [input: inputShape(width: width, height: height)])
        guard let dims = shapes[output], let size = layout.size(in: dims) else { throw ONNXError("the size of the output \"\(output)\" is not known") }
        return size
    }

    /// The extents of the image input for an image of `width` x `height`: one image, and the channels that the model asks for.
    public func inputShape(width: Int, height: Int) -> [Int] {
        layout.shape(inputTemplate, width: width, height: height)
    }

    /// The same network with its claims withdrawn: what computes it was seen to contradict them.
    public func refuted(by reason: String) -> SpatialAnalysis {
        var result = self
        result.klass = .unknown
        result.decidingNodes = [reason] + decidingNodes
        return result
    }

    /// Analyses a network from an image to an image.
    ///
    /// - Parameters:
    ///   - input: the image's input; the first where none is named.
    ///   - output: the output to look at; the first where none is named.
    ///   - layout: how the image lies in input and output.
    /// - Returns: always an answer; where the graph gives none the class is `unknown` and `decidingNodes` says why.
    public static func analyse(_ model: Model, input: String? = nil, output: String? = nil, layout: ImageLayout = .nchw) -> SpatialAnalysis {
        analyse(model, input: input, output: output, layout: layout, statistics: [], isInner: false)
    }

    /// - Parameters:
    ///   - statistics: inputs that hold what was computed over the whole image.
    ///   - isInner: whether the output is a value in the middle of a network, whose axes may lie in any way.
    static func analyse(_ model: Model, input: String?, output: String?, layout: ImageLayout, statistics: Set<String>, isInner: Bool) -> SpatialAnalysis {
        let input = input ?? model.inputs.first?.name ?? ""
        let output = output ?? model.outputs.first?.name ?? ""
        var result = SpatialAnalysis(model: model, input: input, output: output, layout: layout)
        do throws(ONNXError) {
            var probe = try SizeProbe(model: model, input: input, output: output, layout: layout, statistics: statistics, isInner: isInner)
            result.fill(from: &probe)
        } catch {
            result.decidingNodes = [error.description]
        }
        return result
    }

    private init(model: Model, input: String, output: String, layout: ImageLayout) {
        (klass, x, y, decidingNodes, inputTemplate) = (.unknown, Axis(), Axis(), [], [])
        (self.model, self.input, self.output, self.layout) = (model, input, output, layout)
    }

    private mutating func fill(from probe: inout SizeProbe) {
        inputTemplate = probe.template
        let finding = probe.find()
        klass = finding.klass
        decidingNodes = finding.reasons
        outputPlaces = finding.outputPlaces
        x = finding.axes[.x] ?? Axis()
        y = finding.axes[.y] ?? Axis()
    }
}

/// Where width, height and channels stand among a tensor's axes.
public enum ImageLayout: String, Sendable, CaseIterable {
    /// Channels before height and width: [1, C, H, W], or [C, H, W].
    case nchw
    /// Channels last: [1, H, W, C], or [H, W, C].
    case nhwc

    /// The image's axis that each of `rank` axes follows; `nil` when an image has no such rank.
    func places(rank: Int) -> [ImageAxis?]? {
        guard rank == 3 || rank == 4 else { return nil }
        let image: [ImageAxis?] = self == .nchw ? [nil, .y, .x] : [.y, .x, nil]
        return rank == 4 ? [nil] + image : image
    }

    func size(in dims: [Int]) -> (width: Int, height: Int)? {
        guard let places = places(rank: dims.count), let x = places.firstIndex(of: .x), let y = places.firstIndex(of: .y) else { return nil }
        return (dims[x], dims[y])
    }

    func shape(_ template: [Int], width: Int, height: Int) -> [Int] {
        guard let places = places(rank: template.count) else { return template }
        return zip(template, places).map { extent, place in
            switch place {
            case .x: width
            case .y: height
            case nil: extent
            }
        }
    }
}
