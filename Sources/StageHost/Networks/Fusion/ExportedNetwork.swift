public import PipelineLanguage
internal import Inference
internal import ONNX
internal import Vips

/// Network stages in a row as one ONNX file that other programs run.
public struct ExportedNetwork: Sendable {
    /// The file's contents.
    public let bytes: [UInt8]
    /// What goes in and comes out, in words, as the file's metadata has it.
    public let input: String
    public let output: String
    /// The stages, joined by ` + `.
    public let stages: String
}

extension StageSession {
    /// The stages as one graph from picture to picture: samples at full scale 1, red first, planar.
    ///
    /// The sizes stay open where the networks leave them open. What the host does around stages and a graph cannot (scaling the picture
    /// for a network, splitting it into brightness and colour) is refused; a network of one channel takes that channel.
    /// - Throws: `StageError` that names the stage and says why it cannot be part of the file.
    public func exported(_ stages: [(description: StageDescription, arguments: [String: Value])], of pipeline: String) throws(StageError) -> ExportedNetwork {
        guard let first = stages.first else { throw .host("there is no network stage to export") }
        let nominal = try nominalPicture(for: first.description, first.arguments)
        var steps: [NetworkStep] = [], obstacle: StageError?
        // A size that every stride divides is found among these, or none.
        for size in nominal.sizes {
            (steps, obstacle) = ([], nil)
            var image = try nominal.image(size)
            for stage in stages {
                // A file has no tiles.
                let arguments = stage.arguments.merging(["tiling": .string("whole")]) { $1 }
                let (next, step) = try network(stage.description, arguments, try instance(of: stage.description, stage.arguments), image, ImageContext(memoryBudget: .max))
                if let reason = FusionRule.obstacle(in: step) ?? steps.last.flatMap({ FusionRule.gap(between: $0, and: step) }) {
                    obstacle = .host("cannot be exported: \(reason)", stage: stage.description.name, code: .unsupported)
                    break
                }
                steps.append(step)
                image = next
            }
            if obstacle == nil { break }
        }
        if let obstacle { throw obstacle }
        return try exported(steps, of: pipeline)
    }

    private func exported(_ steps: [NetworkStep], of pipeline: String) throws(StageError) -> ExportedNetwork {
        let names = steps.map(\.stage).joined(separator: " + "), first = steps[0], last = steps[steps.count - 1]
        let fixed = steps.contains { $0.network.fixedSize != nil || $0.network.fixedTile != nil || $0.network.analysis.x.fixedSize != nil }
        let size = fixed ? (width: first.width, height: first.height) : nil
        let multiple = size == nil ? try sizeStep(steps, names) : 1
        let sides = size.map { "\($0.height), \($0.width)" } ?? "height, width"
        let made = size == nil ? "height, width" : "\(last.geometry.outputHeight), \(last.geometry.outputWidth)"
        let sizes = multiple > 1 ? ", height and width multiples of \(multiple)" : ""
        let input = "[1, \(Set(first.sources).count), \(sides)], \(Self.text(first.whiteIn, bands: Set(first.sources).count))\(sizes)"
        let output = "[1, \(last.outputChannels), \(made)], \(Self.text(last.whiteOut, bands: last.outputChannels))"
        do throws(ONNXError) {
            let model = try FusedGraph.model(of: steps, ends: .pictures(size: size), metadata: [
                ("aquatint.pipeline", pipeline), ("aquatint.stages", names), ("aquatint.input", input), ("aquatint.output", output),
            ])
            return ExportedNetwork(bytes: try model.serialized(), input: input, output: output, stages: names)
        } catch {
            throw .host("cannot be exported: \(error)", stage: names, code: .unsupported)
        }
    }

    /// What heights and widths must be multiples of: 1, or the grid of all networks together where one of them asks for a multiple.
    private func sizeStep(_ steps: [NetworkStep], _ names: String) throws(StageError) -> Int {
        guard steps.contains(where: { max($0.network.analysis.x.needsMultiple, $0.network.analysis.y.needsMultiple) > 1 }) else { return 1 }
        let joined = try NetworkGeometry(joining: steps.map(\.geometry), stages: steps.map(\.stage), network: steps[0].network, stage: names)
        return max(joined.stride.x, joined.stride.y)
    }

    private static func text(_ white: Double?, bands: Int) -> String {
        guard white != nil else { return "numbers as they are" }
        return bands == 3 ? "red, green, blue, 0 black to 1 white" : "0 black to 1 white"
    }

    /// A picture that stands for all that the first network takes: only its header is looked at.
    private struct Nominal {
        var channels: Int
        var sizes: [(width: Int, height: Int)]

        func image(_ size: (width: Int, height: Int)) throws(StageError) -> Image {
            let isPicture = PictureScale.isPictureBands(channels)
            do {
                let black = try Operation.image("black", ["width": .int(size.width), "height": .int(size.height), "bands": .int(channels)])
                let typed = try Operation.image("cast", ["in": .image(black), "format": isPicture ? "uchar" : "float"])
                let space: Interpretation = channels == 3 ? .srgb : isPicture ? .blackAndWhite : .multiband
                return try Operation.image("copy", ["in": .image(typed), "interpretation": .string(space.rawValue)]).taggedAsOpened()
            } catch {
                throw .vips(error)
            }
        }
    }

    private func nominalPicture(for stage: StageDescription, _ arguments: [String: Value]) throws(StageError) -> Nominal {
        let instance = try instance(of: stage, arguments)
        var failure: StageError?
        for bands in [3, 1] {
            do throws(StageError) {
                let plan = try instance.plan([PluginImage(width: 256, height: 256, bands: bands, space: bands == 1 ? .grey : .srgb)])
                let network = try prepared(plan.network(), stage, arguments)
                let fixed = network.fixedSize ?? network.fixedTile
                return Nominal(channels: network.door.channels ?? bands, sizes: fixed.map { [$0] } ?? [(256, 256), (240, 240), (336, 336), (2520, 2520)])
            } catch {
                failure = failure ?? error
            }
        }
        throw failure ?? .host("cannot be exported: nothing is known of its network", stage: stage.name, code: .unsupported)
    }
}
