/// What came of looking at a file as a plug-in.
enum ScanFinding: Sendable, Hashable, Codable {
    case plugin(PluginDescriptor)
    /// It is none that can be used, for these reasons.
    case refused([String])
    /// Its code misbehaved when it was loaded: it is left alone until the file changes.
    case quarantined(String)

    /// Whether the same file gives the same finding another time. What the loader says, or the system, may depend on other files.
    var lasts: Bool {
        switch self {
        case .plugin, .quarantined: true
        case .refused(let reasons): !reasons.contains { $0.hasPrefix(PluginRefusal.loaderWords) || $0.hasPrefix("cannot be") }
        }
    }

    /// Whether it is one that a scan can have had: it was read from a file, or was said by a process that ran foreign code.
    var isSound: Bool {
        switch self {
        case .plugin(let descriptor): descriptor.isSound
        case .refused(let reasons): !reasons.isEmpty && reasons.allSatisfy { $0.utf8.count <= DescriptorLimit.text }
        case .quarantined(let reason): !reason.isEmpty && reason.utf8.count <= DescriptorLimit.text
        }
    }
}

extension PluginDescriptor {
    /// Whether every text, name, size and default is one that reading a plug-in can give.
    var isSound: Bool {
        let texts = [name, version]
        return texts.allSatisfy { isText($0, limit: DescriptorLimit.identifier) } && vendor.utf8.count <= DescriptorLimit.text
            && (url?.utf8.count ?? 0) <= DescriptorLimit.text && (0...Int(UInt32.max)).contains(abiMinor)
            && (1...DescriptorLimit.stages).contains(stages.count) && areDistinct(stages.map(\.id)) && stages.allSatisfy(\.isSound)
    }
}

extension DeclaredStage {
    fileprivate var isSound: Bool {
        isStageName(id) && id.utf8.count <= DescriptorLimit.identifier && isText(version, limit: DescriptorLimit.identifier) && isText(doc)
            && (licence?.utf8.count ?? 0) <= DescriptorLimit.text && (1...DescriptorLimit.inputs).contains(inputs.count) && !inputs[0].isOptional
            && parameters.count <= DescriptorLimit.parameters && areDistinct(inputs.map(\.name) + parameters.map(\.name))
            && inputs.allSatisfy { isParameterName($0.name) && $0.name.utf8.count <= DescriptorLimit.identifier && $0.bands.lowerBound >= 1 }
            && parameters.allSatisfy(\.isSound)
    }
}

extension DeclaredParameter {
    fileprivate var isSound: Bool {
        guard isParameterName(name), name.utf8.count <= DescriptorLimit.identifier, isText(doc), (unit?.utf8.count ?? 0) <= DescriptorLimit.text,
              choices.count <= DescriptorLimit.choices, areDistinct(choices), choices.allSatisfy({ isText($0, limit: DescriptorLimit.identifier) }),
              (kind == .choice) == !choices.isEmpty, counts.lowerBound >= 0 else { return false }
        guard let fallback else { return isRequired || ![.bool, .int, .double, .choice].contains(kind) }
        return !isRequired && fault(of: fallback) == nil
    }
}

private func isText(_ text: String, limit: Int = DescriptorLimit.text) -> Bool { !text.isEmpty && text.utf8.count <= limit }

private func areDistinct(_ names: [String]) -> Bool { Set(names).count == names.count }
