internal import Inference
internal import ONNX

/// How a network relates output to input for one image: sizes, scale, halos, and the extension that it needs.
///
/// What the plug-in declares in its plan counts; where it leaves that to the host, the graph's analysis decides.
struct NetworkGeometry {
    /// The image as the network reads it: extended where the network could not take its size.
    let extensionX: ExtensionAxis
    let extensionY: ExtensionAxis
    /// The size of the result.
    let outputWidth: Int
    let outputHeight: Int
    private(set) var x: AxisGeometry
    private(set) var y: AxisGeometry
    /// `local`, `block`, `global` or `unknown`.
    let kind: String
    private(set) var isTileable: Bool
    /// Whether the user's halo, smaller than the derived one, is used.
    let isApproximate: Bool
    private(set) var halo: NetworkReport.Halo
    private(set) var stride: (x: Int, y: Int)
    let deciding: [String]
    let network: PreparedNetwork
    let stage: String

    /// The size that the network reads.
    var width: Int { extensionX.extended }
    var height: Int { extensionY.extended }

    var subject: TilePlan.Subject {
        TilePlan.Subject(width: width, height: height, outputWidth: outputWidth, outputHeight: outputHeight, x: x, y: y)
    }

    var scaleText: (x: String, y: String) {
        func text(_ axis: AxisGeometry) -> String {
            axis.scaleDenominator == 1 ? "\(axis.scaleNumerator)" : "\(axis.scaleNumerator)/\(axis.scaleDenominator)"
        }
        return (text(x), text(y))
    }

    /// Why the network is run whole.
    var reason: String { deciding.isEmpty ? "it is \(kind)" : deciding.prefix(3).joined(separator: "; ") }

    init(extensionX: ExtensionAxis, extensionY: ExtensionAxis, outputWidth: Int, outputHeight: Int, x: AxisGeometry, y: AxisGeometry, kind: String, isTileable: Bool,
         isApproximate: Bool, halo: NetworkReport.Halo, stride: (x: Int, y: Int), deciding: [String], network: PreparedNetwork, stage: String) {
        (self.extensionX, self.extensionY, self.outputWidth, self.outputHeight, self.x, self.y) = (extensionX, extensionY, outputWidth, outputHeight, x, y)
        (self.kind, self.isTileable, self.isApproximate, self.halo, self.stride) = (kind, isTileable, isApproximate, halo, stride)
        (self.deciding, self.network, self.stage) = (deciding, network, stage)
    }

    /// - Parameters width, height: of the image.
    init(_ network: PreparedNetwork, plan: PluginPlan, options: NetworkOptions, width: Int, height: Int, stage: String) throws(StageError) {
        self.network = network
        self.stage = stage
        if !plan.derivesFromGraph, let declared = plan.reach.first {
            kind = plan.needsWholeImage ? "global" : plan.alignment.x > 1 || plan.alignment.y > 1 ? "block" : "local"
            isTileable = !plan.needsWholeImage
            deciding = plan.needsWholeImage ? ["the stage says that it needs the whole image"] : []
            extensionX = ExtensionAxis(size: width, toMultipleOf: plan.isRagged ? 1 : plan.alignment.x)
            extensionY = ExtensionAxis(size: height, toMultipleOf: plan.isRagged ? 1 : plan.alignment.y)
            halo = NetworkReport.Halo(left: declared.left, right: declared.right, top: declared.top, bottom: declared.bottom)
            stride = plan.alignment
            x = try Self.axis(declared.scaleX, plan.alignment.x, declared.left, declared.right, stage)
            y = try Self.axis(declared.scaleY, plan.alignment.y, declared.top, declared.bottom, stage)
            outputWidth = declared.scaleX.output(of: width)
            outputHeight = declared.scaleY.output(of: height)
            isApproximate = plan.isApproximate
            return
        }
        let analysis = network.analysis
        kind = plan.needsWholeImage ? "global" : analysis.klass.rawValue
        stride = (analysis.x.stride, analysis.y.stride)
        deciding = analysis.decidingNodes
        let derived = NetworkReport.Halo(left: analysis.x.haloBefore, right: analysis.x.haloAfter, top: analysis.y.haloBefore, bottom: analysis.y.haloAfter)
        var used = derived
        if case .fixed(_, let halo?) = options.tiling {
            used = NetworkReport.Halo(left: halo, right: halo, top: halo, bottom: halo)
            isApproximate = !analysis.isTileable || !used.covers(derived)
        } else {
            isApproximate = false
        }
        isTileable = !plan.needsWholeImage && (analysis.isTileable || isApproximate)
        halo = used
        x = try Self.axis(Self.scale(analysis.x), analysis.x.stride, used.left, used.right, stage)
        y = try Self.axis(Self.scale(analysis.y), analysis.y.stride, used.top, used.bottom, stage)

        if let tile = network.fixedTile {
            // Small pictures are extended to the only size that the network takes, others until the last tile fits the grid.
            extensionX = Self.extended(width, toTile: tile.width, step: analysis.x.stride)
            extensionY = Self.extended(height, toTile: tile.height, step: analysis.y.stride)
            outputWidth = width * x.scaleNumerator / x.scaleDenominator
            outputHeight = height * y.scaleNumerator / y.scaleDenominator
            return
        }
        let isBordered = analysis.isTileable && !network.keepsSize
        extensionX = Self.extended(width, analysis.x, isBordered: isBordered)
        extensionY = Self.extended(height, analysis.y, isBordered: isBordered)
        let raw = try Self.outputSize(network, width: extensionX.extended, height: extensionY.extended, stage)
        // What was added is cropped; a strided network of any size keeps what it gives.
        outputWidth = extensionX.isEmpty ? raw.width : min(raw.width, width * x.scaleNumerator / x.scaleDenominator)
        outputHeight = extensionY.isEmpty ? raw.height : min(raw.height, height * y.scaleNumerator / y.scaleDenominator)
    }

    /// The same picture and result, cut into tiles as what is left of the network without its global statistics can be.
    func synchronised(_ cut: CutNetwork) throws(StageError) -> NetworkGeometry {
        let found = cut.remainder.analysis
        var result = self
        result.isTileable = true
        result.stride = (found.x.stride, found.y.stride)
        result.halo = NetworkReport.Halo(left: found.x.haloBefore, right: found.x.haloAfter, top: found.y.haloBefore, bottom: found.y.haloAfter)
        result.x = try Self.axis(Self.scale(found.x), found.x.stride, result.halo.left, result.halo.right, stage)
        result.y = try Self.axis(Self.scale(found.y), found.y.stride, result.halo.top, result.halo.bottom, stage)
        return result
    }

    /// The scale of an axis; 1 where the analysis knows none, and the network is then run whole.
    private static func scale(_ axis: SpatialAnalysis.Axis) -> PluginReach.Scale {
        axis.scaleNumerator > 0 ? .init(numerator: axis.scaleNumerator, denominator: axis.scaleDenominator) : .init(numerator: 1, denominator: 1)
    }

    /// The axis with the border that valid convolutions eat, and right and bottom up to a size that the network takes.
    private static func extended(_ size: Int, _ axis: SpatialAnalysis.Axis, isBordered: Bool) -> ExtensionAxis {
        let before = isBordered ? max(0, axis.trimBefore) : 0, after = isBordered ? max(0, axis.trimAfter) : 0
        let step = max(1, axis.needsMultiple)
        return ExtensionAxis(size: size, before: before, after: after + (step - (before + size + after) % step) % step)
    }

    private static func extended(_ size: Int, toTile tile: Int, step: Int) -> ExtensionAxis {
        let step = max(1, step), wanted = max(tile, (size + step - 1) / step * step)
        return ExtensionAxis(size: size, after: wanted - size)
    }

    private static func axis(_ scale: PluginReach.Scale, _ stride: Int, _ before: Int, _ after: Int, _ stage: String) throws(StageError) -> AxisGeometry {
        do {
            return try AxisGeometry(scaleNumerator: scale.numerator, scaleDenominator: scale.denominator, alignment: stride, haloBefore: before, haloAfter: after)
        } catch {
            throw .host(error.message, stage: stage, code: .geometry)
        }
    }

    private static func outputSize(_ network: PreparedNetwork, width: Int, height: Int, _ stage: String) throws(StageError) -> (width: Int, height: Int) {
        let shape = try outputShape(network, width: width, height: height, channels: network.door.channels ?? 3, stage)
        return (shape.width, shape.height)
    }

    /// The output's channels, height and width for an input of the given size.
    private static func outputShape(_ network: PreparedNetwork, width: Int, height: Int, channels: Int, _ stage: String)
        throws(StageError) -> (channels: Int, height: Int, width: Int) {
        let shapes: [String: [Int]]
        do {
            shapes = try network.graph.shapes(with: network.inputShapes(width: width, height: height, channels: channels))
        } catch {
            throw .host("\(network.title) does not take a picture of \(width) x \(height) with \(channels) channels: \(error)", stage: stage, code: .geometry)
        }
        guard let shape = shapes[network.door.outputName] else {
            let first = network.graph.nodes.first { node in node.outputs.contains { !$0.isEmpty && shapes[$0] == nil } }
            throw .host("the size of the output '\(network.door.outputName)' of \(network.title) cannot be derived from the graph\(first.map { ": what \($0.label) makes is not known" } ?? "")",
                        stage: stage, code: .unsupported)
        }
        guard let picture = network.door.output.picture(in: shape) else {
            throw .host("the output '\(network.door.outputName)' of \(network.title) has the shape \(shape), which is no picture: pick another with 'output'", stage: stage, code: .geometry)
        }
        return (picture.channels, picture.height, picture.width)
    }

    func outputChannels(channels: Int) throws(StageError) -> Int {
        let size = network.fixedTile ?? (width, height)
        let shape = try Self.outputShape(network, width: size.width, height: size.height, channels: channels, stage)
        guard shape.channels > 0, shape.width > 0, shape.height > 0 else {
            throw .host("a picture of \(extensionX.size) x \(extensionY.size) is too small for \(network.title): nothing is left of it", stage: stage, code: .geometry)
        }
        return shape.channels
    }

    /// Bytes of `rows` input rows' worth of the result.
    func outputBytes(rows: Int, channels: Int) -> Int {
        let outputRows = rows * y.scaleNumerator / y.scaleDenominator
        let samples = outputWidth.multipliedReportingOverflow(by: min(outputRows, outputHeight))
        let bytes = samples.partialValue.multipliedReportingOverflow(by: 4 * channels)
        return samples.overflow || bytes.overflow ? Int.max : bytes.partialValue
    }
}
