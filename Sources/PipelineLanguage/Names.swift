/// How names in a pipeline compare and what they may look like.
enum Names {
    /// `-` and `_` are the same in the names of stages, arguments, options and images.
    static func canonical(_ name: String) -> String {
        name.utf8.contains(UInt8(ascii: "-")) ? String(name.map { $0 == "-" ? "_" : $0 }) : name
    }

    static func same(_ one: String, _ other: String) -> Bool {
        one == other || canonical(one) == canonical(other)
    }

    /// Names with a meaning of their own where an image is named.
    static let reservedImages: Set<String> = ["prev", "input"]
    /// Names that expressions read as something else.
    static let reservedVariables: Set<String> = ["prev", "input", "true", "false", "and", "or", "not"]

    /// A letter or `_`, then letters, digits and `_`, at most 64.
    static func isVariable(_ name: String) -> Bool {
        guard let first = name.unicodeScalars.first, name.unicodeScalars.count <= 64 else { return false }
        return ExpressionLexer.isNameStart(first) && name.unicodeScalars.allSatisfy(ExpressionLexer.isNamePart)
    }

    /// As a variable, but `-` is allowed after the first letter (in an expression it is written `_`).
    static func isImage(_ name: String) -> Bool {
        name.unicodeScalars.first != "-" && isVariable(canonical(name))
    }
}
