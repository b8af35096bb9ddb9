import COpenVINO
import Synchronization

/// OpenVINO as the inference engine.
///
/// The library is opened when an instance is made, never before, and stays loaded for the life of the process. Use `shared()` unless a test needs another.
public final class OpenVINO: Engine, @unchecked Sendable {  // the handles are constant; OpenVINO's core is thread-safe
    public let name = "OpenVINO"
    public let version: String
    /// The library file in use.
    public let path: String

    private let library: OpenVINOLibrary
    private let core: OpaquePointer

    /// Held while models are read, reshaped and compiled. OpenVINO keeps the text of the last error in one global for all threads: without the lock, two
    /// models that fail at the same time could report each other's reason.
    private let control = Mutex<Void>(())
    private let knownDevices = Mutex<[Device]?>(nil)

    private static let loaded = Result { () throws(EngineError) in try OpenVINO.load(EngineLocation.all()) }

    /// The engine of this process, loaded at the first call from the places of `EngineLocation.all()`.
    ///
    /// - Throws: `EngineError` of kind `.notFound` or `.cannotLoad`, the same one at every call.
    public static func shared() throws(EngineError) -> OpenVINO {
        try loaded.get()
    }

    /// Loads the engine from the first of the directories that has a library.
    public static func load(directories: [String]) throws(EngineError) -> OpenVINO {
        try load(directories.map { EngineLocation(origin: .environment, directory: $0) })
    }

    /// Loads the newest library of the first location that has one.
    ///
    /// A library that is found but unusable is an error, not a reason to look further: which engine computes the pixels should not depend on what breaks.
    public static func load(_ locations: [EngineLocation]) throws(EngineError) -> OpenVINO {
        for location in locations {
            if let path = location.libraries().first { return try OpenVINO(path: path) }
        }
        throw EngineError(.notFound, """
            the OpenVINO library (libopenvino_c.so) that networks run on was not found; run `make setup`, or set \(EngineLocation.variable) to its directory. \
            Looked in: \(locations.map(\.directory).joined(separator: ", "))
            """)
    }

    private init(path: String) throws(EngineError) {
        let library = try OpenVINOLibrary(path: path)
        try library.checkElementTypes(path: path)
        self.version = try library.buildNumber().split(separator: "-").first.map { String($0) } ?? "unknown"
        var core: OpaquePointer?
        try library.check(library.functions.ov_core_create(&core), "start OpenVINO from \(path)")
        guard let core else { throw EngineError(.cannotLoad, "could not start OpenVINO from \(path)") }
        self.path = path
        self.library = library
        self.core = core
    }

    deinit {
        library.functions.ov_core_free(core)
    }

    public func devices() throws(EngineError) -> [Device] {
        try knownDevices.withLock { known throws(EngineError) in
            if let known { return known }
            let found = try listDevices()
            known = found
            return found
        }
    }

    public func inspect(_ model: [UInt8], inputShapes: [String: [Int]]) throws(EngineError) -> NetworkInterface {
        try control.withLock { _ throws(EngineError) in
            let model = try OpenVINOModel(reading: model, core: core, library: library)
            try model.reshape(inputShapes)
            return try model.interface()
        }
    }

    public func compile(_ model: [UInt8], request: CompileRequest) throws(EngineError) -> any CompiledNetwork {
        guard request.streams > 0, request.threads > 0 else {
            throw EngineError(.mismatch, "cannot compile for \(request.streams) streams and \(request.threads) threads: both must be at least 1")
        }
        try checkPrecision(of: request)
        return try control.withLock { _ throws(EngineError) in
            let model = try OpenVINOModel(reading: model, core: core, library: library)
            try model.reshape(request.inputShapes)
            return try compile(model, interface: try model.interface(), request: request)
        }
    }

    private func compile(_ model: OpenVINOModel, interface: NetworkInterface, request: CompileRequest) throws(EngineError) -> OpenVINONetwork {
        if let open = interface.inputs.first(where: { $0.fixedShape == nil }) {
            throw EngineError(.mismatch, "the input '\(open.name)' of the model has the open shape \(shapeText(open.shape)): it must be given one")
        }
        let properties = properties(for: request)
        let keys = properties.map(\.key), values = properties.map(\.value)
        var handle: OpaquePointer?
        let status = withCStrings(keys) { keys in
            withCStrings(values) { values in
                cov_compile_model(library.table, core, model.handle, request.device, keys, values, properties.count, &handle)
            }
        }
        let shapes = interface.inputs.map { "\($0.name) \(shapeText($0.shape))" }.joined(separator: ", ")
        try library.check(status, "compile the network for \(shapes) in \(request.precision.rawValue) on \(request.device)")
        guard let handle else { throw EngineError(.failed, "could not compile the network: OpenVINO returned none") }
        return try OpenVINONetwork(handle: handle, library: library, interface: interface, request: request)
    }

    /// What OpenVINO is told. Nothing that changes results is left to its defaults, which prefer speed:
    /// - on a CPU with bf16 or f16 arithmetic, no INFERENCE_PRECISION_HINT means reduced precision;
    /// - EXECUTION_MODE_HINT left at PERFORMANCE allows 8-bit dynamic quantisation of some layers even in f32.
    ///
    /// CPU pinning is off: pinned threads of two processes would share one core while others idle.
    private func properties(for request: CompileRequest) -> [(key: String, value: String)] {
        var properties = [
            (key: "INFERENCE_PRECISION_HINT", value: request.precision.rawValue),
            (key: "NUM_STREAMS", value: String(request.streams)),
        ]
        if request.precision == .f32 {
            properties.append((key: "EXECUTION_MODE_HINT", value: "ACCURACY"))
        }
        if request.device == "CPU" {
            properties.append((key: "INFERENCE_NUM_THREADS", value: String(request.threads)))
            properties.append((key: "ENABLE_CPU_PINNING", value: "NO"))
        }
        if let directory = request.cacheDirectory {
            properties.append((key: "CACHE_DIR", value: directory))
        }
        return properties
    }

    /// Throws where the device is not there or does not compute in the precision asked for. OpenVINO itself would take the nearest it has (bf16 for f16).
    private func checkPrecision(of request: CompileRequest) throws(EngineError) {
        let devices = try devices()
        guard let device = devices.first(named: request.device) else {
            throw EngineError(.unavailable, "there is no device '\(request.device)' here; OpenVINO \(version) sees \(nameList(devices.map(\.name)))")
        }
        guard device.precisions.contains(request.precision) else {
            throw EngineError(.unavailable, """
                \(device.name) (\(device.fullName)) does not compute in \(request.precision.rawValue); \
                it has \(device.precisions.map(\.rawValue).joined(separator: ", "))
                """)
        }
    }

    private func listDevices() throws(EngineError) -> [Device] {
        var list = ov_available_devices_t()
        try library.check(library.functions.ov_core_get_available_devices(core, &list), "list OpenVINO's devices")
        defer { library.functions.ov_available_devices_free(&list) }
        var devices: [Device] = []
        for index in 0..<list.size {
            guard let text = list.devices?[index] else { continue }
            let name = String(cString: text)
            let capabilities = try property("OPTIMIZATION_CAPABILITIES", of: name).split { $0 == " " || $0 == "," }
            let precisions = Precision.allCases.filter { capabilities.contains(Substring($0.capability)) }
            devices.append(Device(name: name, fullName: try property("FULL_DEVICE_NAME", of: name), precisions: precisions))
        }
        return devices.sorted { ($0.name == "CPU" ? 0 : 1, $0.name) < ($1.name == "CPU" ? 0 : 1, $1.name) }
    }

    private func property(_ key: String, of device: String) throws(EngineError) -> String {
        var value: UnsafeMutablePointer<CChar>?
        try library.check(library.functions.ov_core_get_property(core, device, key, &value), "ask \(device) for \(key)")
        return library.take(value) ?? ""
    }
}

extension Precision {
    /// The word for it in OPTIMIZATION_CAPABILITIES.
    fileprivate var capability: String {
        switch self {
        case .f32: "FP32"
        case .f16: "FP16"
        case .bf16: "BF16"
        }
    }
}

/// Calls `body` with an array of C strings that live for the call.
private func withCStrings<Result>(_ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result) -> Result {
    let text = strings.flatMap { Array($0.utf8CString) }
    return text.withUnsafeBufferPointer { text in
        var pointers: [UnsafePointer<CChar>?] = []
        var offset = 0
        for string in strings {
            pointers.append(text.baseAddress.map { $0 + offset })
            offset += string.utf8.count + 1
        }
        return pointers.withUnsafeBufferPointer { pointers in
            // Never empty: there is always a precision to pass.
            body(pointers.baseAddress!)
        }
    }
}
