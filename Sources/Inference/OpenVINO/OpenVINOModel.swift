import COpenVINO

/// A model as OpenVINO read it: owns the handle. Used by one thread at a time.
final class OpenVINOModel {
    let handle: OpaquePointer
    private let library: OpenVINOLibrary

    /// Reads the bytes of an ONNX file.
    init(reading bytes: [UInt8], core: OpaquePointer, library: OpenVINOLibrary) throws(EngineError) {
        var handle: OpaquePointer?
        let status = bytes.withUnsafeBytes { raw in
            let text = raw.bindMemory(to: CChar.self)
            guard let base = text.baseAddress else { return Int32(-1) }
            return library.functions.ov_core_read_model_from_memory_buffer(core, base, text.count, nil, &handle)
        }
        guard !bytes.isEmpty else { throw EngineError(.invalidModel, "could not read the model: it is empty") }
        try library.check(status, "read the model")
        guard let handle else { throw EngineError(.failed, "could not read the model: OpenVINO returned none") }
        self.handle = handle
        self.library = library
    }

    deinit {
        library.functions.ov_model_free(handle)
    }

    func interface() throws(EngineError) -> NetworkInterface {
        var inputCount = 0, outputCount = 0
        try library.check(library.functions.ov_model_inputs_size(handle, &inputCount), "list the model's inputs")
        try library.check(library.functions.ov_model_outputs_size(handle, &outputCount), "list the model's outputs")
        var inputs: [NetworkPort] = [], outputs: [NetworkPort] = []
        for index in 0..<inputCount {
            var port: OpaquePointer?
            try library.check(library.functions.ov_model_const_input_by_index(handle, index, &port), "look at the model's inputs")
            inputs.append(try describe(port, fallbackName: "input \(index)"))
        }
        for index in 0..<outputCount {
            var port: OpaquePointer?
            try library.check(library.functions.ov_model_const_output_by_index(handle, index, &port), "look at the model's outputs")
            outputs.append(try describe(port, fallbackName: "output \(index)"))
        }
        return NetworkInterface(inputs: inputs, outputs: outputs)
    }

    /// Gives the named inputs these static shapes.
    ///
    /// What is wrong with a name, a rank or an extent is said here, in the model's terms; what only shows inside the network comes from OpenVINO.
    func reshape(_ shapes: [String: [Int]]) throws(EngineError) {
        guard !shapes.isEmpty else { return }
        let inputs = try interface().inputs
        for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) {
            guard let port = inputs.first(where: { $0.name == name }) else {
                throw EngineError(.mismatch, "the model has no input '\(name)'; it has \(nameList(inputs.map(\.name)))")
            }
            if let declared = port.shape, declared.count != shape.count {
                throw EngineError(.mismatch, "the input '\(name)' has \(declared.count) dimensions, \(shapeText(declared)); \(shapeText(shape)) has \(shape.count)")
            }
            guard shape.allSatisfy({ $0 > 0 }) else {
                throw EngineError(.mismatch, "the shape \(shapeText(shape)) of input '\(name)' has an extent that is not positive")
            }
            // OpenVINO multiplies extents unchecked; beyond this no machine could hold the tensor.
            guard let count = elementCount(of: shape), count <= 1 << 40 else {
                throw EngineError(.outOfMemory, "out of memory: an input of shape \(shapeText(shape)) is larger than any machine can hold")
            }
        }
        try apply(shapes)
    }

    private func apply(_ shapes: [String: [Int]]) throws(EngineError) {
        var names: [UnsafePointer<CChar>?] = []
        var partials: [ov_partial_shape_t] = []
        defer {
            for name in names { UnsafeMutablePointer(mutating: name)?.deallocate() }
            for index in partials.indices { library.functions.ov_partial_shape_free(&partials[index]) }
        }
        for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) {
            var partial = ov_partial_shape_t()
            try library.check(library.functions.ov_partial_shape_create_static(Int64(shape.count), shape.map(Int64.init), &partial), "describe a shape")
            partials.append(partial)
            names.append(copy(name))
        }
        let described = shapes.sorted { $0.key < $1.key }.map { "\($0.key) \(shapeText($0.value))" }.joined(separator: ", ")
        try library.check(library.functions.ov_model_reshape(handle, &names, &partials, partials.count), "run the network at the shape \(described)")
    }

    private func copy(_ text: String) -> UnsafePointer<CChar> {
        let bytes = text.utf8CString
        let memory = UnsafeMutableBufferPointer<CChar>.allocate(capacity: bytes.count)
        _ = memory.initialize(from: bytes)
        return UnsafePointer(memory.baseAddress!)
    }

    /// Describes and frees a port.
    private func describe(_ port: OpaquePointer?, fallbackName: String) throws(EngineError) -> NetworkPort {
        guard let port else { throw EngineError(.failed, "could not look at the model: OpenVINO returned no port") }
        defer { library.functions.ov_output_const_port_free(port) }

        var text: UnsafeMutablePointer<CChar>?
        let named = library.functions.ov_port_get_any_name(port, &text) == COV_OK
        let name = named ? library.take(text) ?? fallbackName : fallbackName

        var code: cov_element_type = 0
        try library.check(library.functions.ov_port_get_element_type(port, &code), "ask for the element type of '\(name)'")
        guard let elementType = ElementType(code: code) else {
            throw EngineError(.mismatch, "'\(name)' of the model has an element type (OpenVINO's number \(code)) that is not a plain number type")
        }

        var partial = ov_partial_shape_t()
        try library.check(library.functions.ov_port_get_partial_shape(port, &partial), "ask for the shape of '\(name)'")
        defer { library.functions.ov_partial_shape_free(&partial) }
        return NetworkPort(name: name, shape: extents(of: partial), elementType: elementType)
    }

    private func extents(of partial: ov_partial_shape_t) -> [Int?]? {
        guard partial.rank.min == partial.rank.max, partial.rank.min >= 0 else { return nil }
        guard partial.rank.min > 0 else { return [] }
        guard let dims = partial.dims else { return nil }
        return (0..<Int(partial.rank.min)).map { index in
            let dim = dims[index]
            return dim.min == dim.max && dim.min >= 0 ? Int(dim.min) : nil
        }
    }
}
