import AquatintPlugin
import Testing

@Suite struct ValuesTests {
    @Test func `a stage in a test gets its declared defaults`() throws {
        let stage = try Brighten(Values(Brighten.parameters, ["amount": 0.5]))
        #expect(stage.summary == "true 3 nil screen nil [0.0, 0.5, 1.0] [1, 2] [] {}")
    }

    @Test func `given values take the place of the defaults`() throws {
        let stage = try Brighten(Values(Brighten.parameters, [
            "amount": 1, "on": false, "count": 9, "title": "t", "mode": "add", "lut": "/l", "ink": [0.5], "sizes": [4], "angles": [15.5],
            "extra": "[1]",
        ]))
        #expect(stage.summary == "false 9 t add /l [0.5] [4] [15.5] [1]")
    }

    @Test func `a required value that is missing is an error that names it`() {
        #expect(throws: StageError.parameter("amount", "is required and was not given, or is of another type")) {
            try Values(Brighten.parameters)
        }
    }

    @Test func `a name that the stage does not have is an error`() {
        #expect(throws: StageError.parameter("amout", "is no parameter of this stage")) {
            try Values(Brighten.parameters, ["amount": 1, "amout": 1])
        }
    }

    @Test func `reading an undeclared parameter, or one as another type, is the stage's fault`() throws {
        let values = try Values(Brighten.parameters, ["amount": 1])
        #expect(throws: StageError.internal("the stage reads a parameter amout that it does not declare")) {
            try values.double("amout")
        }
        #expect(throws: StageError.internal("the stage reads its parameter count as double, but declares another type")) {
            try values.double("count")
        }
    }
}
