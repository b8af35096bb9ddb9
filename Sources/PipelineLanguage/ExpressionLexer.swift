/// A piece of an expression and the index of its first code point.
struct ExpressionToken {
    enum Kind: Equatable {
        case number(Value)
        case text(String)
        case name(String)
        /// An operator, a parenthesis, a comma or a dot.
        case symbol(String)
        case end
    }

    var kind: Kind
    var index: Int

    /// For messages.
    var described: String {
        switch kind {
        case .number(let value): value.description
        case .text(let text): Quoted.text(text)
        case .name(let name): Quoted.text(name)
        case .symbol(let symbol): "'\(symbol)'"
        case .end: "the end"
        }
    }
}

/// An expression that cannot be read: why, and at which code point.
struct ExpressionProblem: Error {
    var message: String
    var index: Int
    var suggestion: String?
}

/// Cuts an expression into tokens.
struct ExpressionLexer {
    private let scalars: [Unicode.Scalar]
    private var index = 0

    init(_ scalars: [Unicode.Scalar]) {
        self.scalars = scalars
    }

    static func isNameStart(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || scalar.properties.isAlphabetic
    }

    static func isNamePart(_ scalar: Unicode.Scalar) -> Bool {
        isNameStart(scalar) || isDigit(scalar) || scalar.properties.generalCategory == .nonspacingMark
            || scalar.properties.generalCategory == .decimalNumber
    }

    static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

    mutating func next() throws(ExpressionProblem) -> ExpressionToken {
        while index < scalars.count, scalars[index] == " " || scalars[index] == "\t" || scalars[index] == "\n" { index += 1 }
        let start = index
        guard index < scalars.count else { return ExpressionToken(kind: .end, index: start) }
        let scalar = scalars[index]
        if Self.isDigit(scalar) || (scalar == "." && index + 1 < scalars.count && Self.isDigit(scalars[index + 1])) {
            return ExpressionToken(kind: .number(try number()), index: start)
        }
        if Self.isNameStart(scalar) {
            while index < scalars.count, Self.isNamePart(scalars[index]) { index += 1 }
            return ExpressionToken(kind: .name(text(start..<index)), index: start)
        }
        if scalar == "'" || scalar == "\"" {
            index += 1
            while index < scalars.count, scalars[index] != scalar { index += 1 }
            guard index < scalars.count else { throw ExpressionProblem(message: "this text is never closed", index: start) }
            index += 1
            return ExpressionToken(kind: .text(text(start + 1..<index - 1)), index: start)
        }
        let pair = text(start..<min(start + 2, scalars.count))
        if ["==", "!=", "<=", ">="].contains(pair) {
            index += 2
            return ExpressionToken(kind: .symbol(pair), index: start)
        }
        if let meant = ["&&": "and", "||": "or", "**": "*", "//": "/"][pair] {
            throw ExpressionProblem(message: "'\(pair)' is not an operator", index: start, suggestion: meant)
        }
        if scalar == "=" || scalar == "!" {
            throw ExpressionProblem(message: "'\(scalar)' is not an operator", index: start, suggestion: scalar == "=" ? "==" : "not")
        }
        guard "+-*/%()<>,.".unicodeScalars.contains(scalar) else {
            throw ExpressionProblem(message: "\(Quoted.text(String(scalar))) has no meaning in an expression", index: start)
        }
        index += 1
        return ExpressionToken(kind: .symbol(String(scalar)), index: start)
    }

    private mutating func number() throws(ExpressionProblem) -> Value {
        let start = index
        while index < scalars.count {
            let scalar = scalars[index]
            let isExponentSign = (scalar == "+" || scalar == "-") && index > start
                && (scalars[index - 1] == "e" || scalars[index - 1] == "E")
            guard Self.isNamePart(scalar) || scalar == "." || isExponentSign else { break }
            index += 1
        }
        let digits = text(start..<index)
        do {
            if digits.unicodeScalars.allSatisfy(Self.isDigit) { return .int(try ScalarText.int(digits)) }
            return .double(try ScalarText.double(digits))
        } catch {
            throw ExpressionProblem(message: "\(Quoted.text(digits)) is not a number", index: start, suggestion: error.suggestion)
        }
    }

    private func text(_ range: Range<Int>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars[range])
        return String(view)
    }
}
