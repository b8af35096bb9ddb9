/// Translation of OpenVINO's error texts, which are C++ exception chains of up to a page, into one sentence.
enum OpenVINOError {
    /// The error for `text` (what `ov_get_last_err_msg` gave), raised while `doing`: a phrase such as "compile the network".
    static func translated(_ text: String, doing: String) -> EngineError {
        let operators = unsupportedOperators(in: text)
        if !operators.isEmpty {
            let noun = operators.count == 1 ? "operator" : "operators"
            return EngineError(.unsupported(operators: operators), """
                OpenVINO does not have the \(noun) \(operators.joined(separator: ", ")) that the model uses; \
                export the model again with standard ONNX operators, or cut those nodes off
                """)
        }
        if isAllocationFailure(text) {
            return EngineError(.outOfMemory, "out of memory: could not \(doing)")
        }
        if text.contains("Unable to read the model") {
            return EngineError(.invalidModel, "could not \(doing): these bytes are not a complete ONNX model")
        }
        return EngineError(.failed, "could not \(doing): \(condensed(text))")
    }

    /// The operators that the text says nobody can convert or execute, sorted.
    ///
    /// The ONNX front end ends its report with `-- No conversion rule found for operations: Bloom-17, a.B`; its list of operators whose conversion *failed* is
    /// left aside, because those mostly fail only for want of a shape that an unsupported one before them should have given.
    /// The CPU plug-in says `Unsupported operation of type: X name: y`.
    static func unsupportedOperators(in text: String) -> [String] {
        var names: Set<String> = []
        for line in text.split(separator: "\n") {
            if let list = line.remainder(after: "No conversion rule found for operations:") {
                names.formUnion(list.split(separator: ",").map { String($0.trimmed) })
            }
            if let name = line.remainder(after: "Unsupported operation of type:")?.split(separator: " ").first {
                names.insert(String(name))
            }
        }
        return Set(names.map(withoutVersion)).filter { !$0.isEmpty }.sorted()
    }

    /// Operators of the default domain are listed with their opset: `Bloom-17` -> `Bloom`.
    private static func withoutVersion(_ name: String) -> String {
        guard let dash = name.lastIndex(of: "-"), name[name.index(after: dash)...].allSatisfy(\.isNumber) else { return name }
        return String(name[..<dash])
    }

    static func isAllocationFailure(_ text: String) -> Bool {
        ["std::bad_alloc", "could not allocate", "CL_OUT_OF_RESOURCES", "CL_MEM_OBJECT_ALLOCATION_FAILURE", "out of memory"].contains { text.contains($0) }
    }

    /// The text without the engine's source positions, exception chain and failed expressions, on one line and of at most 600 characters.
    ///
    ///     Check 'x.compatible(y)' failed at src/core/a.hpp:307:
    ///     While validating node 'opset1::Convolution c (...) -> (...)' with friendly_name 'c':
    ///     Channel count (4) does not match (3).
    ///
    /// becomes `in node 'c': Channel count (4) does not match (3)`.
    static func condensed(_ text: String) -> String {
        var parts: [String] = []
        for line in text.split(separator: "\n") {
            var line = line.trimmed
            if line.hasPrefix("Exception from "), line.contains(".cpp:") || line.contains(".hpp:") { continue }
            if line.hasPrefix("FrontEnd API failed with") || line.hasPrefix("To facilitate the conversion") { continue }
            if line.contains("failed at src/") { continue }
            if let node = line.remainder(after: "with friendly_name '") {
                line = "in node '\(node)"[...]
            }
            if !line.isEmpty { parts.append(String(line)) }
        }
        var result = parts.joined(separator: " ")
        if result.isEmpty { result = text.split(separator: "\n").map { String($0.trimmed) }.joined(separator: " ") }
        if result.isEmpty { result = "OpenVINO gave no reason" }
        if result.count > 600 { result = result.prefix(600) + "..." }
        while result.hasSuffix(".") && !result.hasSuffix("...") { result.removeLast() }
        return result
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        var text = self
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return text
    }

    /// What follows the first occurrence of `marker`, or nil where there is none.
    fileprivate func remainder(after marker: String) -> Substring? {
        var rest = self[...]
        while !rest.isEmpty {
            if rest.hasPrefix(marker) { return rest.dropFirst(marker.count) }
            rest.removeFirst()
        }
        return nil
    }
}
