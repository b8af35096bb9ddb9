import AquatintPlugin
import Testing

/// Sums `2 * halo + 1` pixels of a row, with the edges that a parameter names, and halves the width where it is told to.
private struct RowSum: PixelStage {
    static let id = "test.row_sum"
    static let doc = "Sums."
    static let inputs = [ImageInput(), ImageInput("mask", isOptional: true)]
    static let parameters: [Parameter] = [
        .choice("edge", of: ["clip", "replicate", "reflect", "zero"], doc: "Edge."), .bool("halves", default: false, doc: "Halves."),
        .bool("forgets", default: false, doc: "Writes nothing."),
    ]
    let edge: EdgeMode, halves: Bool, forgets: Bool

    init(_ values: Values) throws(StageError) {
        edge = switch try values.choice("edge") {
        case "replicate": .replicate
        case "reflect": .reflect
        case "zero": .zero
        default: .clip
        }
        halves = try values.bool("halves")
        forgets = try values.bool("forgets")
    }

    func plan(_ inputs: Inputs<ImageInfo>) throws(StageError) -> PixelPlan {
        var output = inputs.primary
        if halves { output.width = (output.width + 1) / 2 }
        let reach = Reach(left: 2, right: 2, top: 0, bottom: 0, scaleX: Reach.Scale(1, halves ? 2 : 1))
        return PixelPlan(output: output, reach: [reach, Reach(halo: 0)], edge: edge)
    }

    func process(_ inputs: Inputs<Tile>, into output: MutableTile, job: Job) throws(StageError) {
        guard !forgets else { return }
        guard inputs["mask"] == nil else { throw .internal("there is a mask") }
        let source = try inputs.primary.samples(of: Float.self), result = try output.samples(of: Float.self)
        for y in output.rect.rows {
            for x in output.rect.columns {
                let middle = halves ? 2 * x : x
                for band in 0..<output.image.bands {
                    var sum: Float = 0
                    for u in max(middle - 2, source.rect.x)...min(middle + 2, source.rect.x + source.rect.width - 1) { sum += source[u, y, band] }
                    result[x, y, band] = sum
                }
            }
        }
    }
}

@Suite struct RunTests {
    let picture = TestPicture(width: 7, height: 2, bands: 1) { x, y, _ in Float(x + 10 * y) }

    private func stage(_ changes: [String: Values.Literal]) throws -> RowSum { try RowSum(Values(RowSum.parameters, changes)) }

    // 0 1 2 3 4 5 6, extended by two on either side
    @Test(arguments: [("clip", [3, 6, 10, 15, 20, 18, 15]), ("replicate", [3, 6, 10, 15, 20, 24, 27]), ("reflect", [6, 7, 10, 15, 20, 23, 24]),
                      ("zero", [3, 6, 10, 15, 20, 18, 15])] as [(String, [Float])])
    func `a stage in a test sees the edges that its plan asks for`(_ edge: String, _ expected: [Float]) throws {
        let result = try stage(["edge": .string(edge)]).run(on: picture)
        #expect((0..<7).map { result[$0, 0, 0] } == expected)
    }

    @Test(arguments: ["clip", "replicate", "reflect", "zero"], [false, true]) func `tiles give what the whole gives`(_ edge: String, _ halves: Bool) throws {
        let stage = try stage(["edge": .string(edge), "halves": .bool(halves)])
        let whole = try stage.run(on: picture)
        #expect(whole.info.width == (halves ? 4 : 7))
        #expect(try stage.run(on: picture, tile: (3, 1)) == whole)
        #expect(try stage.run(on: picture, tile: (1, 2)) == whole)
    }

    @Test func `a sample that the stage does not write shows`() throws {
        #expect(try stage(["forgets": true]).run(on: picture).samples.allSatisfy { $0.isNaN })
    }
}
