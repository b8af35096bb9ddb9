import Inference
import ONNX

/// What follows from a model's facts for someone who wants to run it: how it will be cut up, and what a pipeline has to say.
struct ModelAdvice {
    /// One sentence each.
    private(set) var lines: [String] = []
    /// The size that pictures are scaled to, or that tiles have, where the model takes no other.
    let fixedSize: (width: Int, height: Int)?
    /// The smallest tile edge whose halos cost next to nothing, or that costs least; nil where it is not cut into tiles, or into those of one size.
    let tile: Int?
    /// Inputs without a value, which `extra` must give.
    let openInputs: [TensorInfo]

    /// Times the work of the whole picture: below the first tiles are worth having anywhere, above the second they are not had unless asked for.
    private static let cheap = 1.12, bearable = TilePlan.maximumRecompute

    init(_ report: ModelReport) {
        let picture = report.picture, analysis = picture.analysis
        openInputs = picture.model.inputs.filter { $0.name != picture.input.name }
        if let width = analysis.x.fixedSize, let height = analysis.y.fixedSize {
            fixedSize = (width, height)
        } else {
            fixedSize = analysis.isTileable ? nil : picture.input.declaredSize
        }
        let tiles = fixedSize == nil && analysis.isTileable ? [128, 192, 256, 384, 512, 768, 1024, 1536, 2048].map { ($0, Self.recompute($0, analysis)) } : []
        let best = tiles.first { $0.1 <= Self.cheap } ?? tiles.min { $0.1 < $1.1 }
        tile = best.flatMap { $0.1.isFinite ? $0.0 : nil }

        if report.missingOperators?.isEmpty == false { lines.append("does not run: the engine lacks the operators \(report.missingOperators?.joined(separator: ", ") ?? "")") }
        if let objection = report.engineObjection { lines.append("does not run: \(objection)") }
        if report.missingOperators == nil { lines.append("whether the engine has all operators was not checked: there is no engine (aquatint doctor)") }
        tellTiling(picture, recompute: best?.1)
        tellEntrance(picture, report)
        tellExit(picture, report)
    }

    /// The work of tiles of that edge over the work of the whole picture; infinite where no cell is left.
    private static func recompute(_ tile: Int, _ analysis: SpatialAnalysis) -> Double {
        [analysis.x, analysis.y].reduce(1) { product, axis in
            let step = max(1, axis.stride)
            func up(_ halo: Int) -> Int { (halo + step - 1) / step * step }
            let size = tile / step * step, cell = size - up(axis.haloBefore) - up(axis.haloAfter)
            return cell > 0 ? product * Double(size) / Double(cell) : .infinity
        }
    }

    private mutating func tellTiling(_ picture: PictureModel, recompute: Double?) {
        let analysis = picture.analysis
        if let fixedSize {
            lines.append(analysis.isTileable
                ? "takes \(fixedSize.width) x \(fixedSize.height) pixels and no other size: large pictures run in exact tiles of that, small ones are extended and their edges approximate"
                : "made for \(fixedSize.width) x \(fixedSize.height): pictures are scaled to that and the result is scaled back; input_size sets another size")
        } else if let tile, let recompute {
            let cost = (recompute * 100).rounded() / 100
            if recompute <= Self.bearable {
                lines.append("tiling auto: exact tiles, or the whole picture where that is estimated to be as fast; tiles of \(tile) x \(tile) cost \(cost) times its work")
            } else {
                lines.append("large halos: tiling auto \(Self.wholeOrMeasured); exact tiles of \(tile) x \(tile) cost \(cost) times the work (tiling: exact)")
            }
        } else if analysis.isTileable {
            lines.append("the halo is larger than any tile: tiling auto \(Self.wholeOrMeasured)")
        } else {
            lines.append(analysis.klass == .global ? "each result depends on the whole picture: it is run whole where that fits the memory, else \(Self.withoutMemory(picture))"
                : "what it reads is not known: it is run whole; tiling: {tile: 512, halo: 64} cuts it up all the same, and marks the result as approximate")
        }
    }

    private static let wholeOrMeasured = "runs it whole where that fits the memory, else with a smaller halo that is measured on the picture, not guaranteed"

    /// What becomes of a network of the whole picture that does not fit.
    private static func withoutMemory(_ picture: PictureModel) -> String {
        let cut = try? SynchronisedModel(picture.model, input: picture.input.name, output: picture.output.name, layout: picture.input.layout)
        guard let passes = cut?.passes.count else { return "refused" }
        return "in tiles, after \(passes == 1 ? "a pass" : "\(passes) passes") over the picture for its statistics (tiling: sync: always so)"
    }

    private mutating func tellEntrance(_ picture: PictureModel, _ report: ModelReport) {
        for finding in picture.findings { lines.append("taken from the graph: \(finding)") }
        switch picture.input.channels {
        case 1?: lines.append("takes one channel: brightness of a colour picture goes through it, and colour is kept beside it")
        case 3?, nil: break
        case let count?: lines.append("takes \(count) channels: a picture has 1 or 3, so make the others before it (bandjoin)")
        }
        if let range = picture.input.range {
            lines.append("taken from the graph: range \(range), since \(range.reason)")
        } else {
            lines.append("range is 0 to 1 unless the pipeline says otherwise, since the graph does not tell: set range, or mean and std, to what it was trained with")
        }
        if report.file.inputs.count > 1, !openInputs.isEmpty {
            lines.append("needs 'extra' for \(openInputs.map(\.described).joined(separator: ", ")), and input: \(picture.input.name)")
        }
    }

    private mutating func tellExit(_ picture: PictureModel, _ report: ModelReport) {
        if report.file.outputs.count > 1 { lines.append("has \(report.file.outputs.count) outputs: say which with output: \(picture.output.name)") }
        if let range = picture.output.range { lines.append("taken from the graph: output_range \(range), since \(range.reason)") }
        for finding in picture.output.findings { lines.append("taken from the graph: \(finding)") }
        let analysis = picture.analysis
        let side = (fixedSize?.width ?? max(256, analysis.x.stride * 2), fixedSize?.height ?? max(256, analysis.y.stride * 2))
        let shapes = try? picture.model.shapes(with: [analysis.input: analysis.inputShape(width: side.0, height: side.1)])
        guard let shape = shapes?[picture.output.name] else { return }
        guard let result = picture.output.picture(in: shape) else {
            lines.append("the output '\(picture.output.name)' has the extents \(shape), which are no picture's\(report.file.outputs.count > 1 ? ": look at another with --output" : "")")
            return
        }
        if result.channels != 1, result.channels != 3 {
            lines.append("gives \(result.channels) channels, which are kept as numbers: extract_band takes one, and linear makes a picture of it")
        }
    }
}
