/// Reads an expression by operator precedence (Pratt, 1973).
struct ExpressionParser {
    private var lexer: ExpressionLexer
    private var token: ExpressionToken
    private var depth = 0
    private let marks: ArraySlice<SourceMark>

    /// The expression that `scalars` spell. `marks` has a place for each of them and one for the end.
    static func parse(_ scalars: ArraySlice<Unicode.Scalar>, marks: ArraySlice<SourceMark>, file: String) throws(Diagnostic) -> Expression {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        let text = String(view)
        let start = place(of: 0, in: marks)
        guard scalars.count <= Expression.maximumLength else {
            throw Diagnostic(.limit, "an expression may have at most \(Expression.maximumLength) characters", at: start, file: file)
        }
        do throws(ExpressionProblem) {
            var parser = try ExpressionParser(Array(scalars), marks: marks)
            let root = try parser.expression(above: -1)
            guard parser.token.kind == .end else {
                throw ExpressionProblem(message: "expected an operator, not \(parser.token.described)", index: parser.token.index)
            }
            return Expression(text: trimmed(text), mark: start, root: root)
        } catch {
            throw Diagnostic(.expression, error.message, at: place(of: error.index, in: marks), file: file, suggestion: error.suggestion)
        }
    }

    private static func trimmed(_ text: String) -> String {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\n" }
        let head = text.drop(while: isSpace)
        return String(head.reversed().drop(while: isSpace).reversed())
    }

    private init(_ scalars: [Unicode.Scalar], marks: ArraySlice<SourceMark>) throws(ExpressionProblem) {
        lexer = ExpressionLexer(scalars)
        token = try lexer.next()
        self.marks = marks
    }

    private func mark(_ index: Int) -> SourceMark { Self.place(of: index, in: marks) }

    private static func place(of index: Int, in marks: ArraySlice<SourceMark>) -> SourceMark {
        let position = marks.startIndex + index
        return position < marks.endIndex ? marks[position] : (marks.last ?? SourceMark(line: 1, column: 1))
    }

    private mutating func advance() throws(ExpressionProblem) { token = try lexer.next() }

    private mutating func nested<Result>(_ body: (inout ExpressionParser) throws(ExpressionProblem) -> Result) throws(ExpressionProblem) -> Result {
        depth += 1
        guard depth <= Expression.maximumDepth else {
            throw ExpressionProblem(message: "the expression is nested deeper than \(Expression.maximumDepth) levels", index: token.index)
        }
        let result = try body(&self)
        depth -= 1
        return result
    }

    private func infix() -> Term.Operator? {
        switch token.kind {
        case .symbol(let symbol): Term.Operator(rawValue: symbol)
        case .name(let name) where name == "and" || name == "or": Term.Operator(rawValue: name)
        default: nil
        }
    }

    private mutating func expression(above precedence: Int) throws(ExpressionProblem) -> Term {
        var left = try prefix()
        while let infix = infix(), infix.precedence > precedence {
            let place = token.index
            try advance()
            let right = try nested { parser throws(ExpressionProblem) in try parser.expression(above: infix.precedence) }
            left = .binary(infix, left, right, mark(place))
            if infix.isComparison, let second = self.infix(), second.isComparison {
                throw ExpressionProblem(message: "comparisons do not chain: join two with 'and'", index: token.index)
            }
        }
        return left
    }

    private mutating func prefix() throws(ExpressionProblem) -> Term {
        let place = token.index
        switch token.kind {
        case .symbol("-"), .symbol("+"):
            let sign: Term.Sign = token.kind == .symbol("-") ? .minus : .plus
            try advance()
            return .unary(sign, try nested { parser throws(ExpressionProblem) in try parser.prefix() }, mark(place))
        case .name("not"):
            try advance()
            // `not` binds looser than comparisons and tighter than `and`.
            return .unary(.not, try nested { parser throws(ExpressionProblem) in try parser.expression(above: 2) }, mark(place))
        case .symbol("("):
            try advance()
            let inner = try nested { parser throws(ExpressionProblem) in try parser.expression(above: -1) }
            guard token.kind == .symbol(")") else {
                throw ExpressionProblem(message: "expected ')', not \(token.described)", index: token.index)
            }
            try advance()
            return inner
        case .number(let value):
            try advance()
            return .literal(value, mark(place))
        case .text(let text):
            try advance()
            return .literal(.string(text), mark(place))
        case .name(let name):
            try advance()
            return try named(name, at: place)
        case .symbol, .end:
            throw ExpressionProblem(message: "expected a value, not \(token.described)", index: place)
        }
    }

    private mutating func named(_ name: String, at place: Int) throws(ExpressionProblem) -> Term {
        switch name {
        case "true", "false": return .literal(.bool(name == "true"), mark(place))
        case "and", "or": throw ExpressionProblem(message: "expected a value, not '\(name)'", index: place)
        default: break
        }
        if token.kind == .symbol("(") {
            guard let function = Term.Function(rawValue: name) else {
                throw ExpressionProblem(message: "there is no function \(Quoted.text(name)); there are min, max and round", index: place,
                                        suggestion: NearestName.of(name, among: Term.Function.allCases.map(\.rawValue)))
            }
            return .call(function, try arguments(of: function, at: place), mark(place))
        }
        guard token.kind == .symbol(".") else { return .variable(name, mark(place)) }
        try advance()
        guard case .name(let field) = token.kind else {
            throw ExpressionProblem(message: "expected a fact of \(Quoted.text(name)), such as width, not \(token.described)", index: token.index)
        }
        guard let fact = Fact(rawValue: field) else {
            let facts = Fact.allCases.map(\.rawValue)
            throw ExpressionProblem(message: "\(Quoted.text(field)) is not a fact of an image; the facts are \(facts.joined(separator: ", "))",
                                    index: token.index, suggestion: NearestName.of(field, among: facts))
        }
        try advance()
        return .fact(name, fact, mark(place))
    }

    private mutating func arguments(of function: Term.Function, at place: Int) throws(ExpressionProblem) -> [Term] {
        try advance()
        var arguments: [Term] = []
        if token.kind != .symbol(")") {
            while true {
                arguments.append(try nested { parser throws(ExpressionProblem) in try parser.expression(above: -1) })
                guard token.kind == .symbol(",") else { break }
                try advance()
            }
        }
        guard token.kind == .symbol(")") else {
            throw ExpressionProblem(message: "expected ',' or ')', not \(token.described)", index: token.index)
        }
        try advance()
        switch function {
        case .round where arguments.count != 1:
            throw ExpressionProblem(message: "round takes one number, not \(arguments.count)", index: place)
        case .min where arguments.count < 2, .max where arguments.count < 2:
            throw ExpressionProblem(message: "\(function.rawValue) takes two numbers or more, not \(arguments.count)", index: place)
        default: return arguments
        }
    }
}
