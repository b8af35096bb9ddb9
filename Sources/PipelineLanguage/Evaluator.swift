/// Computes expressions.
///
/// Whole numbers stay whole and exact: `+ - *` that leave 64 bits are errors, `/` gives a whole number where it divides evenly and a
/// fraction otherwise. `%` has the sign of its left side. `round` rounds half away from zero and gives a whole number.
struct Evaluator {
    enum Failure: Error {
        /// Needs a variable or a fact that is known only when an image runs.
        case pending
        case failed(Diagnostic)
    }

    var environment: Environment
    let file: String
    /// Variables whose values come later; an expression that reads one is pending.
    var pendingVariables: Set<String> = []
    /// Whether the facts of images come later.
    var factsArePending = false

    func value(of expression: Expression) throws(Failure) -> Value {
        try value(of: expression.root)
    }

    private func failed(_ message: String, _ mark: SourceMark, code: Diagnostic.Code = .expression, suggestion: String? = nil) -> Failure {
        .failed(Diagnostic(code, message, at: mark, file: file, suggestion: suggestion))
    }

    private func value(of term: Term) throws(Failure) -> Value {
        switch term {
        case .literal(let value, _): return value
        case .variable(let name, let mark):
            if let value = environment.variables[name] { return value }
            if pendingVariables.contains(name) { throw .pending }
            throw failed("there is no variable \(Quoted.text(name))", mark, code: .variable,
                         suggestion: NearestName.of(name, among: environment.variables.keys))
        case .fact(let name, let fact, let mark):
            if let facts = environment.facts.first(where: { Names.same($0.key, name) })?.value { return facts[fact] }
            if factsArePending { throw .pending }
            throw failed("the size of the image \(Quoted.text(name)) is not known here", mark, code: .image,
                         suggestion: NearestName.of(name, among: environment.facts.keys))
        case .unary(let sign, let operand, let mark):
            return try unary(sign, try value(of: operand), mark)
        case .binary(.and, let left, let right, let mark):
            guard try bool(left, of: .and, mark) else { return .bool(false) }
            return .bool(try bool(right, of: .and, mark))
        case .binary(.or, let left, let right, let mark):
            if try bool(left, of: .or, mark) { return .bool(true) }
            return .bool(try bool(right, of: .or, mark))
        case .binary(let infix, let left, let right, let mark):
            let (left, right) = (try value(of: left), try value(of: right))
            return infix.isComparison ? try compare(infix, left, right, mark) : try arithmetic(infix, left, right, mark)
        case .call(let function, let arguments, let mark):
            var values: [Value] = []
            for argument in arguments { values.append(try value(of: argument)) }
            return try call(function, values, mark)
        }
    }

    private func bool(_ term: Term, of infix: Term.Operator, _ mark: SourceMark) throws(Failure) -> Bool {
        let value = try value(of: term)
        guard case .bool(let bool) = value else {
            throw failed("'\(infix.rawValue)' joins true and false, not \(value.described)", mark)
        }
        return bool
    }

    private func unary(_ sign: Term.Sign, _ operand: Value, _ mark: SourceMark) throws(Failure) -> Value {
        switch (sign, operand) {
        case (.not, .bool(let value)): return .bool(!value)
        case (.not, _): throw failed("'not' takes true or false, not \(operand.described)", mark)
        case (.plus, .int), (.plus, .double): return operand
        case (.minus, .double(let value)): return .double(-value)
        case (.minus, .int(let value)):
            let (result, overflow) = 0.subtractingReportingOverflow(value)
            guard !overflow else { throw failed("the result does not fit in 64 bits", mark) }
            return .int(result)
        default: throw failed("'\(sign.rawValue)' takes a number, not \(operand.described)", mark)
        }
    }

    private func compare(_ infix: Term.Operator, _ left: Value, _ right: Value, _ mark: SourceMark) throws(Failure) -> Value {
        func ordered<T: Comparable>(_ left: T, _ right: T) -> Value {
            switch infix {
            case .equal: .bool(left == right)
            case .unequal: .bool(left != right)
            case .less: .bool(left < right)
            case .lessOrEqual: .bool(left <= right)
            case .greater: .bool(left > right)
            default: .bool(left >= right)
            }
        }
        switch (left, right) {
        case (.int(let left), .int(let right)): return ordered(left, right)
        case (.string(let left), .string(let right)): return ordered(left, right)
        case (.bool(let left), .bool(let right)) where infix == .equal || infix == .unequal:
            return .bool((left == right) == (infix == .equal))
        default:
            guard let first = left.number, let second = right.number else {
                throw failed("'\(infix.rawValue)' cannot compare \(left.described) with \(right.described)", mark)
            }
            return ordered(first, second)
        }
    }

    private func arithmetic(_ infix: Term.Operator, _ left: Value, _ right: Value, _ mark: SourceMark) throws(Failure) -> Value {
        guard let first = left.number, let second = right.number else {
            let culprit = left.number == nil ? left : right
            throw failed("'\(infix.rawValue)' takes numbers, not \(culprit.described)", mark)
        }
        if infix == .divided || infix == .remainder, second == 0 { throw failed("division by zero", mark) }
        if case .int(let left) = left, case .int(let right) = right {
            let (result, overflow): (Int, Bool)
            switch infix {
            case .plus: (result, overflow) = left.addingReportingOverflow(right)
            case .minus: (result, overflow) = left.subtractingReportingOverflow(right)
            case .times: (result, overflow) = left.multipliedReportingOverflow(by: right)
            case .remainder: (result, overflow) = right == -1 ? (0, false) : left.remainderReportingOverflow(dividingBy: right)
            default:
                // Not evenly divisible: the fraction below.
                let quotient = left.dividedReportingOverflow(by: right)
                let even = right == -1 || left % right == 0
                guard even else { return .double(first / second) }
                (result, overflow) = (quotient.partialValue, quotient.overflow)
            }
            guard !overflow else { throw failed("the result does not fit in 64 bits", mark) }
            return .int(result)
        }
        let result: Double = switch infix {
        case .plus: first + second
        case .minus: first - second
        case .times: first * second
        case .remainder: first.truncatingRemainder(dividingBy: second)
        default: first / second
        }
        guard result.isFinite else { throw failed("the result is too large for a number", mark) }
        return .double(result)
    }

    private func call(_ function: Term.Function, _ arguments: [Value], _ mark: SourceMark) throws(Failure) -> Value {
        var numbers: [Double] = []
        for argument in arguments {
            guard let number = argument.number else {
                throw failed("\(function.rawValue) takes numbers, not \(argument.described)", mark)
            }
            numbers.append(number)
        }
        switch function {
        case .round:
            if case .int = arguments[0] { return arguments[0] }
            guard let rounded = Int(exactly: numbers[0].rounded(.toNearestOrAwayFromZero)) else {
                throw failed("the result does not fit in 64 bits", mark)
            }
            return .int(rounded)
        case .min, .max:
            var best = 0
            for index in numbers.indices.dropFirst() {
                let isBetter = function == .min ? numbers[index] < numbers[best] : numbers[index] > numbers[best]
                if isBetter { best = index }
            }
            return arguments[best]
        }
    }
}
