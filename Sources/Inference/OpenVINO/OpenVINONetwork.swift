import COpenVINO
import Dispatch
import Synchronization

/// A network that OpenVINO compiled, with a pool of requests (sets of input and output buffers).
final class OpenVINONetwork: CompiledNetwork, @unchecked Sendable {  // handles are constant; the pool is behind a lock
    let inputs: [NetworkPort]
    let outputs: [NetworkPort]
    let precision: Precision

    private let handle: OpaquePointer
    private let library: OpenVINOLibrary

    /// One permit per request that may exist. Twice the streams, so that a caller can fill or read one while another computes.
    private let permits: DispatchSemaphore
    private let idle = Mutex<[OpenVINORequest]>([])

    /// Takes ownership of `handle`, also where it throws.
    init(handle: OpaquePointer, library: OpenVINOLibrary, interface: NetworkInterface, request: CompileRequest) throws(EngineError) {
        self.handle = handle
        self.library = library
        self.outputs = interface.outputs
        self.inputs = interface.inputs
        self.precision = request.precision
        self.permits = DispatchSemaphore(value: 2 * request.streams)
        try checkPrecision()
        // The first request is made here, so that a network too large for this machine fails when it is compiled.
        idle.withLock { [first = try makeRequest()] in $0.append(first) }
    }

    deinit {
        idle.withLock { $0.removeAll() }
        library.functions.ov_compiled_model_free(handle)
    }

    func run<Result>(output: String,
                     fill: (_ input: NetworkPort, _ values: UnsafeMutableBufferPointer<Float>) throws -> Void,
                     read: (_ values: UnsafeBufferPointer<Float>, _ shape: [Int]) throws -> Result) throws -> Result {
        var result: Result?
        try run(outputs: [output], fill: fill) { _, values, shape in result = try read(values, shape) }
        guard let result else { throw EngineError(.failed, "the output '\(output)' was not read") }
        return result
    }

    func run(outputs names: [String],
             fill: (_ input: NetworkPort, _ values: UnsafeMutableBufferPointer<Float>) throws -> Void,
             read: (_ output: Int, _ values: UnsafeBufferPointer<Float>, _ shape: [Int]) throws -> Void) throws {
        var wanted: [Int] = []
        for name in names {
            guard let index = outputs.firstIndex(where: { $0.name == name }) else {
                throw EngineError(.mismatch, "the network has no output '\(name)'; it has \(nameList(outputs.map(\.name)))")
            }
            wanted.append(index)
        }
        permits.wait()
        defer { permits.signal() }
        let request = try idle.withLock { $0.popLast() } ?? makeRequest()
        for (index, port) in inputs.enumerated() {
            try request.fill(input: index) { try fill(port, $0) }
        }
        try request.infer()
        for (position, index) in wanted.enumerated() {
            try request.read(output: index, port: outputs[index]) { try read(position, $0, $1) }
        }
        // A request that threw is not given back: it is freed, and the next caller makes a new one.
        idle.withLock { $0.append(request) }
    }

    private func makeRequest() throws(EngineError) -> OpenVINORequest {
        try OpenVINORequest(of: handle, ports: inputs, library: library)
    }

    /// Throws unless the compiled network says that it computes in the precision asked for.
    private func checkPrecision() throws(EngineError) {
        var value: UnsafeMutablePointer<CChar>?
        try library.check(library.functions.ov_compiled_model_get_property(handle, "INFERENCE_PRECISION_HINT", &value), "ask for the network's precision")
        let found = library.take(value) ?? "an unknown precision"
        guard found == precision.rawValue else {
            throw EngineError(.unavailable, "the device compiled the network in \(found) where \(precision.rawValue) was asked for")
        }
    }
}

/// One set of input and output buffers of a compiled network. Used by one thread at a time.
final class OpenVINORequest: @unchecked Sendable {  // handed from thread to thread by the pool's lock, never shared
    private let handle: OpaquePointer
    private let library: OpenVINOLibrary
    private var inputs: [Input] = []

    private struct Input {
        let port: NetworkPort
        let tensor: OpaquePointer
        let memory: UnsafeMutableRawPointer
        let count: Int
        /// Where callers write when the network's own type is not f32.
        let staging: UnsafeMutableBufferPointer<Float>?

        var values: UnsafeMutableBufferPointer<Float> {
            staging ?? UnsafeMutableBufferPointer(start: memory.assumingMemoryBound(to: Float.self), count: count)
        }
    }

    init(of network: OpaquePointer, ports: [NetworkPort], library: OpenVINOLibrary) throws(EngineError) {
        var handle: OpaquePointer?
        try library.check(library.functions.ov_compiled_model_create_infer_request(network, &handle), "allocate the network's buffers")
        guard let handle else { throw EngineError(.failed, "could not allocate the network's buffers: OpenVINO returned none") }
        self.handle = handle
        self.library = library
        for (index, port) in ports.enumerated() {
            inputs.append(try makeInput(index, port))
        }
    }

    deinit {
        for input in inputs {
            input.staging?.deallocate()
            library.functions.ov_tensor_free(input.tensor)
        }
        library.functions.ov_infer_request_free(handle)
    }

    private func makeInput(_ index: Int, _ port: NetworkPort) throws(EngineError) -> Input {
        var tensor: OpaquePointer?
        try library.check(library.functions.ov_infer_request_get_input_tensor_by_index(handle, index, &tensor), "reach the input '\(port.name)'")
        guard let tensor else { throw EngineError(.failed, "could not reach the input '\(port.name)'") }
        do throws(EngineError) {
            let contents = try contents(of: tensor, port: port)
            guard contents.shape == port.fixedShape else {
                throw EngineError(.failed, "OpenVINO gave the input '\(port.name)' shape \(shapeText(contents.shape)) where it was compiled for \(shapeText(port.shape))")
            }
            var staging: UnsafeMutableBufferPointer<Float>?
            if port.elementType != .f32 {
                staging = .allocate(capacity: contents.count)
                staging?.initialize(repeating: 0)
            }
            return Input(port: port, tensor: tensor, memory: contents.memory, count: contents.count, staging: staging)
        } catch {
            library.functions.ov_tensor_free(tensor)
            throw error
        }
    }

    func fill(input index: Int, _ body: (UnsafeMutableBufferPointer<Float>) throws -> Void) throws {
        let input = inputs[index]
        try body(input.values)
        if let staging = input.staging {
            try input.port.elementType.convert(UnsafeBufferPointer(staging), to: input.memory, name: input.port.name)
        }
    }

    func infer() throws(EngineError) {
        try library.check(library.functions.ov_infer_request_infer(handle), "run the network")
    }

    /// Calls `body` with the output's values, converted where the network's own type is not f32.
    func read<Result>(output index: Int, port: NetworkPort, _ body: (UnsafeBufferPointer<Float>, [Int]) throws -> Result) throws -> Result {
        var tensor: OpaquePointer?
        try library.check(library.functions.ov_infer_request_get_output_tensor_by_index(handle, index, &tensor), "reach the output '\(port.name)'")
        guard let tensor else { throw EngineError(.failed, "could not reach the output '\(port.name)'") }
        defer { library.functions.ov_tensor_free(tensor) }
        let contents = try contents(of: tensor, port: port)
        if port.elementType == .f32 {
            return try body(UnsafeBufferPointer(start: contents.memory.assumingMemoryBound(to: Float.self), count: contents.count), contents.shape)
        }
        let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: contents.count)
        defer { values.deallocate() }
        port.elementType.convert(contents.memory, to: values)
        return try body(UnsafeBufferPointer(values), contents.shape)
    }

    /// Where a tensor's elements are, and its shape; checked against the bytes that OpenVINO says it has.
    private func contents(of tensor: OpaquePointer, port: NetworkPort) throws(EngineError) -> (memory: UnsafeMutableRawPointer, count: Int, shape: [Int]) {
        var described = ov_shape_t()
        try library.check(library.functions.ov_tensor_get_shape(tensor, &described), "ask for the shape of '\(port.name)'")
        defer { _ = library.functions.ov_shape_free(&described) }
        let shape = (0..<max(0, Int(described.rank))).map { index in described.dims.map { Int($0[index]) } ?? 0 }
        var size = 0
        try library.check(library.functions.ov_tensor_get_byte_size(tensor, &size), "ask for the size of '\(port.name)'")
        var memory: UnsafeMutableRawPointer?
        try library.check(library.functions.ov_tensor_data(tensor, &memory), "reach the data of '\(port.name)'")
        guard let memory, let count = elementCount(of: shape), count == size / port.elementType.byteCount else {
            throw EngineError(.failed, "OpenVINO gave '\(port.name)' \(size) bytes for shape \(shapeText(shape))")
        }
        return (memory, count, shape)
    }
}
