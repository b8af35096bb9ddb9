import AquatintPlugin
import Testing

@testable import {{library}}

@Suite struct {{Name}}EffectTests {
    /// One bright pixel in the middle of black.
    let dot = TestPicture(width: 9, height: 7, bands: 1) { x, y, _ in x == 4 && y == 3 ? 0.9 : 0 }

    func stage(_ changes: [String: Values.Literal]) throws -> {{Name}}Effect {
        try {{Name}}Effect(Values({{Name}}Effect.parameters, changes))
    }

    @Test func `a dot spreads over nine pixels and no further`() throws {
        let result = try stage(["radius": 1]).run(on: dot)
        #expect(abs(result[4, 3, 0] - 0.1) < 1e-6)
        #expect(abs(result[5, 4, 0] - 0.1) < 1e-6)
        #expect(result[6, 3, 0] == 0)
    }

    @Test func `cutting the picture into tiles changes nothing`() throws {
        let stage = try stage([:])
        #expect(try stage.run(on: dot, tile: (2, 3)) == stage.run(on: dot))
    }

    @Test func `amount 0 leaves the picture as it is`() throws {
        #expect(try stage(["amount": 0]).run(on: dot) == dot)
    }
}
