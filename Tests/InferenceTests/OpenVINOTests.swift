import Foundation
import Testing
@testable import Inference

@Suite struct OpenVINOTests {
    @Test func `the engine states its version and lists the CPU with f32 first`() throws {
        let engine = try OpenVINO.shared()
        #expect(engine.version.split(separator: ".").count >= 2)
        let devices = try engine.devices()
        #expect(devices.first?.name == "CPU")
        #expect(devices.first?.precisions.contains(.f32) == true)
    }

    @Test func `inspect tells names, open extents and element types`() throws {
        var model = TinyONNX()
        model.input("picture", [1, 3, nil, nil])
        model.input("strength", [1], .int64)
        model.node("Cast", ["strength"], "s", ["to": .int(1)])
        model.node("Mul", ["picture", "s"], "result")
        model.output("result", [1, 3, nil, nil])
        let interface = try OpenVINO.shared().inspect(model.bytes())
        #expect(interface.inputs == [NetworkPort(name: "picture", shape: [1, 3, nil, nil], elementType: .f32),
                                     NetworkPort(name: "strength", shape: [1], elementType: .i64)])
        #expect(interface.outputs.map(\.name) == ["result"])
    }

    @Test func `the names of a graph whose ends are identities are the graph's own`() throws {
        var model = TinyONNX()
        model.input("x", [1, 1, nil, nil])
        model.node("Identity", ["x"], "a")
        model.node("Relu", ["a"], "b")
        model.node("Identity", ["b"], "y")
        model.output("y", [1, 1, nil, nil])
        let engine = try OpenVINO.shared()
        let network = try engine.compile(model.bytes(), request: CompileRequest(inputShapes: ["x": [1, 1, 1, 2]]))
        #expect(network.inputs.map(\.name) == ["x"])
        #expect(try network.run(["x": TensorData(shape: [1, 1, 1, 2], values: [-1, 2])], output: "y").values == [0, 2])
    }

    @Test func `the output shape for an input shape is told without compiling`() throws {
        var model = TinyONNX()
        model.input("x", [1, 4, nil, nil])
        model.node("DepthToSpace", ["x"], "y", ["blocksize": .int(2)])
        model.output("y", [1, 1, nil, nil])
        let interface = try OpenVINO.shared().inspect(model.bytes(), inputShapes: ["x": [1, 4, 5, 7]])
        #expect(interface.outputs.first?.fixedShape == [1, 1, 10, 14])
    }

    @Test(arguments: [(1, 1), (7, 5), (64, 33)])
    func `a convolution in f32 really is f32`(width: Int, height: Int) throws {
        var noise = Noise(seed: 1)
        let weights = noise.floats(9), image = noise.floats(width * height)
        let shape = [1, 1, height, width]
        let network = try OpenVINO.shared().compile(convolutionModel(weights: weights), request: CompileRequest(inputShapes: ["image": shape], threads: 2))
        let result = try network.run(["image": TensorData(shape: shape, values: image)], output: "result")
        #expect(result.shape == shape)
        // bf16 keeps 8 bits: it would be wrong by about 1e-2 here.
        #expect(convolve(image, width: width, height: height, weights: weights).largestDifference(from: result.values) < 2e-6)
        #expect(network.precision == .f32)
    }

    @Test func `a precision that the device lacks is refused and never replaced`() throws {
        let engine = try OpenVINO.shared()
        let device = try #require(try engine.devices().first)
        for precision in Precision.allCases {
            let request = CompileRequest(inputShapes: ["image": [1, 1, 8, 8]], precision: precision)
            let model = convolutionModel(weights: [Float](repeating: 1, count: 9))
            if device.precisions.contains(precision) {
                #expect(try engine.compile(model, request: request).precision == precision)
            } else {
                let error = try #require(engineError { try engine.compile(model, request: request) })
                #expect(error.kind == .unavailable)
                #expect(error.message.contains(precision.rawValue))
            }
        }
    }

    @Test func `a device that is not there is refused with those that are`() throws {
        let request = CompileRequest(inputShapes: ["image": [1, 1, 8, 8]], device: "GPU.77")
        let error = try #require(engineError { try OpenVINO.shared().compile(convolutionModel(weights: [Float](repeating: 1, count: 9)), request: request) })
        #expect(error.kind == .unavailable)
        #expect(error.message.contains("no device 'GPU.77'") && error.message.contains("'CPU'"))
    }

    @Test func `runs from many threads at once each give their own result`() async throws {
        let weights: [Float] = [0, 0, 0, 0, 2, 0, 0, 0, 0]
        let shape = [1, 1, 16, 16]
        let network = try OpenVINO.shared().compile(convolutionModel(weights: weights),
                                                      request: CompileRequest(inputShapes: ["image": shape], streams: 2, threads: 2))
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for index in 0..<64 {
                group.addTask {
                    let value = Float(index)
                    return try network.run(output: "result") { _, values in
                        values.update(repeating: value)
                    } read: { values, _ in
                        values.allSatisfy { $0 == 2 * value }
                    }
                }
            }
            for try await correct in group { #expect(correct) }
        }
    }

    @Test func `what a closure throws passes through and leaves the network usable`() throws {
        struct Stop: Error {}
        let network = try OpenVINO.shared().compile(convolutionModel(weights: [0, 0, 0, 0, 1, 0, 0, 0, 0]), request: CompileRequest(inputShapes: ["image": [1, 1, 1, 1]]))
        // More often than there are requests, so that a leaked permit would block here.
        for _ in 0..<5 {
            #expect(throws: Stop.self) { try network.run(output: "result") { _, _ in throw Stop() } read: { _, _ in } }
            #expect(throws: Stop.self) { try network.run(output: "result") { _, values in values.update(repeating: 0) } read: { _, _ in throw Stop() } }
        }
        #expect(try network.run(["image": TensorData(shape: [1, 1, 1, 1], values: [3])], output: "result").values == [3])
    }

    @Test(arguments: [(TinyONNX.DataType.uint8, [0, 3, 255]), (.int8, [-2, 3, 127]), (.int32, [-2, 3, 300]), (.int64, [-2, 3, 300]), (.float16, [-1.5, 2.5, 300]),
                      (.double, [-1.6, 2.5, 300]), (.bool, [1, 1, 1])] as [(TinyONNX.DataType, [Float])])
    func `inputs and outputs of other element types are converted`(type: TinyONNX.DataType, expected: [Float]) throws {
        var model = TinyONNX()
        model.input("x", [3], type)
        model.node("Identity", ["x"], "y")
        model.output("y", [3], type)
        let network = try OpenVINO.shared().compile(model.bytes(), request: CompileRequest(inputShapes: [:]))
        let given: [Float] = type == .float16 ? expected : [-1.6, 2.5, 300]
        let result = try network.run(["x": TensorData(shape: [3], values: given)], output: "y").values
        #expect(result == expected)
    }

    @Test func `NaN for an input of whole numbers is refused`() throws {
        var model = TinyONNX()
        model.input("x", [1], .int64)
        model.node("Identity", ["x"], "y")
        model.output("y", [1], .int64)
        let network = try OpenVINO.shared().compile(model.bytes(), request: CompileRequest(inputShapes: [:]))
        let error = try #require(engineError { try network.run(["x": TensorData(shape: [1], values: [.nan])], output: "y") })
        #expect(error == EngineError(.mismatch, "the input 'x' takes whole numbers and was given NaN (not a number)"))
    }

    @Test func `a compiled network is kept on disk where a directory is given`() throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "aquatint-cache-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: directory) }
        let request = CompileRequest(inputShapes: ["image": [1, 1, 4, 4]], cacheDirectory: directory.path(percentEncoded: false))
        let model = convolutionModel(weights: [0, 0, 0, 0, 1, 0, 0, 0, 0])
        for _ in 0..<2 {
            let network = try OpenVINO.shared().compile(model, request: request)
            let image = try TensorData(shape: [1, 1, 4, 4], values: (0..<16).map { Float($0) })
            #expect(try network.run(["image": image], output: "result") == image)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path(percentEncoded: false)).count == 1)
    }
}

@Suite struct OpenVINORefusals {
    let model = convolutionModel(weights: [Float](repeating: 1, count: 9))

    private func refusal(_ model: [UInt8], _ shapes: [String: [Int]]) throws -> EngineError {
        let engine = try OpenVINO.shared()
        return try #require(engineError { try engine.compile(model, request: CompileRequest(inputShapes: shapes)) })
    }

    @Test func `operators that the engine lacks are named first`() throws {
        var model = TinyONNX()
        model.input("x", [1, 1, nil, nil])
        model.node("Sharpen", ["x"], "a", domain: "acme.filters")
        model.node("Bloom", ["a"], "b")
        model.node("Relu", ["b"], "y")
        model.output("y", [1, 1, nil, nil])
        let error = try refusal(model.bytes(domains: ["acme.filters"]), ["x": [1, 1, 8, 8]])
        #expect(error.kind == .unsupported(operators: ["Bloom", "acme.filters.Sharpen"]))
        #expect(error.message == """
            OpenVINO does not have the operators Bloom, acme.filters.Sharpen that the model uses; \
            export the model again with standard ONNX operators, or cut those nodes off
            """)
    }

    @Test(arguments: [[], [1, 2, 3], Array("not a model, but long enough to be looked at".utf8)] as [[UInt8]])
    func `bytes that are no model are refused`(bytes: [UInt8]) throws {
        #expect(try refusal(bytes, [:]).kind == .invalidModel)
    }

    @Test func `a model cut short is refused`() throws {
        #expect(try refusal(Array(model.dropLast(10)), ["image": [1, 1, 8, 8]]).kind == .invalidModel)
    }

    @Test func `an unknown input is named with those that exist`() throws {
        let error = try refusal(model, ["picture": [1, 1, 8, 8]])
        #expect(error == EngineError(.mismatch, "the model has no input 'picture'; it has 'image'"))
    }

    @Test func `a wrong number of dimensions is told with both shapes`() throws {
        let error = try refusal(model, ["image": [1, 8, 8]])
        #expect(error == EngineError(.mismatch, "the input 'image' has 4 dimensions, [1, 1, ?, ?]; [1, 8, 8] has 3"))
    }

    @Test func `an open shape must be given one`() throws {
        let error = try refusal(model, [:])
        #expect(error == EngineError(.mismatch, "the input 'image' of the model has the open shape [1, 1, ?, ?]: it must be given one"))
    }

    @Test func `a shape that the network cannot take is told by its node`() throws {
        let error = try refusal(model, ["image": [1, 4, 8, 8]])
        #expect(error.kind == .failed)
        #expect(error.message.contains("image [1, 4, 8, 8]"))
        #expect(error.message.contains("channel count (4)"))
        #expect(!error.message.contains("src/") && !error.message.contains("\n"))
    }

    @Test(arguments: [[1, 1, 0, 8], [1, 1, -8, 8]])
    func `extents that are not positive are refused`(shape: [Int]) throws {
        #expect(try refusal(model, ["image": shape]).kind == .mismatch)
    }

    @Test(arguments: [[1, 1, 1 << 30, 1 << 30], [1, 1, .max, .max], [1, 1, 1 << 19, 1 << 20]])
    func `shapes that no memory holds are out of memory`(shape: [Int]) throws {
        #expect(try refusal(model, ["image": shape]).kind == .outOfMemory)
    }

    @Test func `inputs and outputs of a run are checked by name and shape`() throws {
        let network = try OpenVINO.shared().compile(model, request: CompileRequest(inputShapes: ["image": [1, 1, 2, 2]]))
        let image = try TensorData(shape: [1, 1, 2, 2], values: [1, 2, 3, 4])
        #expect(engineError { try network.run(["image": image], output: "other") }?.message == "the network has no output 'other'; it has 'result'")
        #expect(engineError { try network.run([:], output: "result") }?.message == "the input 'image' of the network was not given")
        #expect(engineError { try network.run(["image": image, "mask": image], output: "result") }?.message == "the network has no input 'mask' to fill; it has 'image'")
        let flat = try TensorData(shape: [4], values: [1, 2, 3, 4])
        #expect(engineError { try network.run(["image": flat], output: "result") }?.kind == .mismatch)
    }
}
