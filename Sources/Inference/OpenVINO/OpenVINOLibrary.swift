import COpenVINO

/// The loaded C library: its table of functions, and the one place where its statuses become errors and its strings become Swift's.
struct OpenVINOLibrary: @unchecked Sendable {  // the table is constant and outlives the process's use of it
    let table: UnsafePointer<cov_api>

    /// Loads the library file at `path` and checks that it speaks the dialect declared in COpenVINO.h.
    init(path: String) throws(EngineError) {
        var reason = [CChar](repeating: 0, count: 1024)
        guard let table = cov_open(path, &reason, reason.count) else {
            let text = reason.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
            throw EngineError(.cannotLoad, "cannot load OpenVINO from \(path): \(text)")
        }
        self.table = table
    }

    var functions: cov_api {
        _read { yield table.pointee }
    }

    /// Throws the translation of the library's last error text unless `status` is success.
    ///
    /// The text is global to the library: call this right after the function, and hold `OpenVINO`'s lock around calls that are likely to fail.
    func check(_ status: cov_status, _ doing: @autoclosure () -> String) throws(EngineError) {
        guard status != COV_OK else { return }
        throw OpenVINOError.translated(take(functions.ov_get_last_err_msg()) ?? statusText(status), doing: doing())
    }

    /// The string, after which the library's copy is freed.
    func take(_ text: UnsafePointer<CChar>?) -> String? {
        guard let text else { return nil }
        defer { functions.ov_free(text) }
        return String(cString: text)
    }

    private func statusText(_ status: cov_status) -> String {
        functions.ov_get_error_info(status).map { String(cString: $0) } ?? "status \(status)"
    }

    /// The build number: `2026.4.1-22982-e213a147257-releases/2026/4`.
    func buildNumber() throws(EngineError) -> String {
        var version = ov_version_t()
        try check(functions.ov_get_openvino_version(&version), "ask for OpenVINO's version")
        defer { functions.ov_version_free(&version) }
        return version.buildNumber.map { String(cString: $0) } ?? "unknown"
    }

    /// Throws unless the element type numbers of COpenVINO.h are this library's.
    ///
    /// They are no part of a stable ABI: before 2025.0 every one was larger by one. With the wrong numbers a tensor of f32 would be read as f16: the bytes
    /// that a tensor of three elements takes tell the enumerations apart.
    func checkElementTypes(path: String) throws(EngineError) {
        for type in ElementType.allCases {
            var extent: Int64 = 3
            let size = try withUnsafeMutablePointer(to: &extent) { dims throws(EngineError) in
                try tensorByteCount(of: type, shape: ov_shape_t(rank: 1, dims: dims))
            }
            guard size == 3 * type.byteCount else {
                throw EngineError(.cannotLoad, """
                    OpenVINO \(try buildNumber()) at \(path) numbers its element types differently from OpenVINO 2026.4, which this program was written for; \
                    run `make setup`, or set \(EngineLocation.variable) to a newer one
                    """)
            }
        }
    }

    private func tensorByteCount(of type: ElementType, shape: ov_shape_t) throws(EngineError) -> Int {
        var tensor: OpaquePointer?
        try check(functions.ov_tensor_create(type.code, shape, &tensor), "create a tensor")
        guard let tensor else { throw EngineError(.cannotLoad, "OpenVINO created no tensor") }
        defer { functions.ov_tensor_free(tensor) }
        var size = 0
        try check(functions.ov_tensor_get_byte_size(tensor, &size), "ask for a tensor's size")
        return size
    }
}

extension ElementType {
    var code: cov_element_type {
        cov_element_type(constant)
    }

    private var constant: Int {
        switch self {
        case .bool: COV_BOOLEAN
        case .bf16: COV_BF16
        case .f16: COV_F16
        case .f32: COV_F32
        case .f64: COV_F64
        case .i8: COV_I8
        case .i16: COV_I16
        case .i32: COV_I32
        case .i64: COV_I64
        case .u8: COV_U8
        case .u16: COV_U16
        case .u32: COV_U32
        case .u64: COV_U64
        }
    }

    /// Nil for the types that no conversion exists for (strings, sub-byte types).
    init?(code: cov_element_type) {
        guard let type = Self.allCases.first(where: { $0.code == code }) else { return nil }
        self = type
    }
}
