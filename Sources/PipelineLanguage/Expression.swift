/// What `${...}` and `when:` hold: an expression over variables and facts, parsed, with the place of every part.
///
/// ```
/// expression = or ;  or = and { "or" and } ;  and = not { "and" not } ;  not = [ "not" ] comparison
/// comparison = sum [ ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) sum ]      comparisons do not chain
/// sum        = product { ( "+" | "-" ) product } ;  product = sign { ( "*" | "/" | "%" ) sign } ;  sign = [ "-" | "+" ] primary
/// primary    = number | 'text' | "text" | "true" | "false" | name | name "." fact | function "(" list ")" | "(" expression ")"
/// function   = "min" | "max" | "round"
/// ```
public struct Expression: Sendable, Hashable {
    /// Code points in one expression.
    static let maximumLength = 2_000
    /// Parentheses, signs and `not` within one another.
    static let maximumDepth = 64

    /// As written, without `${` and `}`.
    public let text: String
    public let mark: SourceMark
    let root: Term

    /// A name used in an expression, and where.
    public struct Reference: Sendable, Hashable {
        public let name: String
        public let mark: SourceMark
    }

    /// The variables that the expression reads.
    public var variables: [Reference] {
        var found: [Reference] = []
        root.visit { if case .variable(let name, let mark) = $0 { found.append(Reference(name: name, mark: mark)) } }
        return found
    }

    /// The images (`input`, `prev` or a name) whose facts the expression reads.
    public var images: [Reference] {
        var found: [Reference] = []
        root.visit { if case .fact(let name, _, let mark) = $0 { found.append(Reference(name: name, mark: mark)) } }
        return found
    }
}

/// What is known of an image without its pixels.
public enum Fact: String, Sendable, Hashable, CaseIterable {
    case width, height, bands, pages, format, interpretation
}

indirect enum Term: Sendable, Hashable {
    enum Sign: String, Sendable { case minus = "-", plus = "+", not }

    enum Operator: String, Sendable {
        case or, and
        case equal = "==", unequal = "!=", less = "<", lessOrEqual = "<=", greater = ">", greaterOrEqual = ">="
        case plus = "+", minus = "-", times = "*", divided = "/", remainder = "%"

        /// How tightly it binds; 0 is loosest.
        var precedence: Int {
            switch self {
            case .or: 0
            case .and: 1
            case .equal, .unequal, .less, .lessOrEqual, .greater, .greaterOrEqual: 3
            case .plus, .minus: 4
            case .times, .divided, .remainder: 5
            }
        }

        var isComparison: Bool { precedence == 3 }
    }

    enum Function: String, Sendable, CaseIterable { case min, max, round }

    case literal(Value, SourceMark)
    case variable(String, SourceMark)
    case fact(String, Fact, SourceMark)
    case unary(Sign, Term, SourceMark)
    /// The mark is the operator's.
    case binary(Operator, Term, Term, SourceMark)
    case call(Function, [Term], SourceMark)

    func visit(_ body: (Term) -> Void) {
        body(self)
        switch self {
        case .literal, .variable, .fact: break
        case .unary(_, let operand, _): operand.visit(body)
        case .binary(_, let left, let right, _):
            left.visit(body)
            right.visit(body)
        case .call(_, let arguments, _): for argument in arguments { argument.visit(body) }
        }
    }
}
