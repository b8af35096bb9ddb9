import Foundation

/// Element by element operators: extents by broadcasting, and the arithmetic that graphs do on sizes.
extension NodeContext {
    func elementwise() throws(ONNXError) -> [ValueFacts]? {
        let first = node.op == "Where" ? 1 : 0
        let type: ElementType? = switch node.op {
        case "Cast": node.int("to").flatMap { Int32(exactly: $0) }.flatMap(ElementType.init(rawValue:))
        case "CastLike": self.type(1)
        case let op where OperatorTable.comparisons.contains(op): .bool
        default: self.type(first)
        }
        let isUnary = OperatorTable.unary.contains(node.op)
        let count = isUnary ? 1 : node.inputs.count
        var shapes: [[Int]] = []
        for index in 0..<count {
            guard let shape = dims(index) else { return [ValueFacts(type: type, dims: nil)] }
            shapes.append(shape)
        }
        // Until opset 6, input 1 was lined up with an `axis` of input 0, which is then the larger.
        let dims = opset < 7 && node.attributes["broadcast"] != nil ? shapes[0] : try broadcast(shapes)
        var result = ValueFacts(type: type, dims: dims)
        result.folded = isUnary ? foldUnary(type: type) : foldBroadcast(dims: dims)
        guard node.outputs.count > 1 else { return [result] }
        return [result, ValueFacts(type: .bool, dims: dims)]        // Dropout's mask
    }

    private func foldUnary(type: ElementType?) -> Folded? {
        guard let x = folded(0) else { return nil }
        switch node.op {
        case "Identity", "Dropout": return x
        case "Cast", "CastLike":
            guard let type else { return nil }
            if type.isInteger {
                return Folded.cast(x, toBool: type == .bool)
            }
            return [.float, .double, .float16, .bfloat16].contains(type) ? Folded(.floats(x.doubles), dims: x.dims) : nil
        case "Floor": return x.map(ints: { $0 }, floats: { $0.rounded(.down) })
        case "Ceil": return x.map(ints: { $0 }, floats: { $0.rounded(.up) })
        case "Round": return x.map(ints: { $0 }, floats: { $0.rounded(.toNearestOrEven) })
        case "Neg": return x.map(ints: { exact(0.subtractingReportingOverflow($0)) }, floats: { -$0 })
        case "Abs": return x.map(ints: { $0 == .min ? nil : abs($0) }, floats: { abs($0) })
        case "Not": return x.map(ints: { $0 == 0 ? 1 : 0 }, floats: { _ in nil })
        case "Sqrt": return x.map(ints: { _ in nil }, floats: { $0.squareRoot() })
        case "Reciprocal": return x.map(ints: { _ in nil }, floats: { 1 / $0 })
        case "Exp": return x.map(ints: { _ in nil }, floats: { exp($0) })
        case "Log": return x.map(ints: { _ in nil }, floats: { log($0) })
        default: return nil
        }
    }

    private func foldBroadcast(dims: [Int]) -> Folded? {
        if node.op == "Where" {
            guard let condition = folded(0), let yes = folded(1), let no = folded(2) else { return nil }
            return foldWhere(condition, yes, no, dims: dims)
        }
        guard var result = folded(0) else { return nil }
        for index in node.inputs.indices.dropFirst() {
            guard let next = folded(index), let combined = fold(result, next, dims: dims) else { return nil }
            result = combined
        }
        return result.dims == dims ? result : nil
    }

    private func foldWhere(_ condition: Folded, _ yes: Folded, _ no: Folded, dims: [Int]) -> Folded? {
        guard let c = Folded.broadcastIndices(from: condition.dims, to: dims), let y = Folded.broadcastIndices(from: yes.dims, to: dims),
              let n = Folded.broadcastIndices(from: no.dims, to: dims), let choices = condition.ints else { return nil }
        if let a = yes.ints, let b = no.ints {
            return Folded(.ints(c.indices.map { choices[c[$0]] != 0 ? a[y[$0]] : b[n[$0]] }), dims: dims)
        }
        let (a, b) = (yes.doubles, no.doubles)
        return Folded(.floats(c.indices.map { choices[c[$0]] != 0 ? a[y[$0]] : b[n[$0]] }), dims: dims)
    }

    private func fold(_ a: Folded, _ b: Folded, dims: [Int]) -> Folded? {
        func combine(_ ints: (Int, Int) -> Int?, _ floats: (Double, Double) -> Double?) -> Folded? {
            Folded.combine(a, b, dims: dims, ints: ints, floats: floats)
        }
        func compare(_ ints: (Int, Int) -> Bool, _ floats: (Double, Double) -> Bool) -> Folded? {
            combine({ ints($0, $1) ? 1 : 0 }, { floats($0, $1) ? 1 : 0 }).flatMap { Folded.cast($0, toBool: true) }
        }
        switch node.op {
        case "Add", "Sum": return combine({ exact($0.addingReportingOverflow($1)) }, +)
        case "Sub": return combine({ exact($0.subtractingReportingOverflow($1)) }, -)
        case "Mul": return combine({ exact($0.multipliedReportingOverflow(by: $1)) }, *)
        case "Div": return combine({ exact($0.dividedReportingOverflow(by: $1)) }, /)
        case "Mod":
            let truncates = node.int("fmod") == 1
            return combine({ a, b in
                guard let rest = exact(a.remainderReportingOverflow(dividingBy: b)) else { return nil }
                return truncates || rest == 0 || (rest < 0) == (b < 0) ? rest : rest + b
            }, { truncates ? fmod($0, $1) : nil })
        case "Min": return combine({ min($0, $1) }, { min($0, $1) })
        case "Max": return combine({ max($0, $1) }, { max($0, $1) })
        case "Pow": return combine({ Int(exactly: pow(Double($0), Double($1))) }, { pow($0, $1) })
        case "And": return compare({ $0 != 0 && $1 != 0 }, { _, _ in false })
        case "Or": return compare({ $0 != 0 || $1 != 0 }, { _, _ in false })
        case "Equal": return compare(==, ==)
        case "Greater": return compare(>, >)
        case "GreaterOrEqual": return compare(>=, >=)
        case "Less": return compare(<, <)
        case "LessOrEqual": return compare(<=, <=)
        default: return nil
        }
    }
}

extension Folded {
    /// As integers, cut towards zero; or as truth values. `nil` where a float has no integer.
    static func cast(_ x: Folded, toBool: Bool) -> Folded? {
        x.map(ints: { toBool ? ($0 == 0 ? 0 : 1) : $0 }, floats: { toBool ? ($0 == 0 ? 0 : 1) : $0 })
            .flatMap { array in
                if array.ints != nil { return array }
                let ints = array.doubles.map { Int(exactly: $0.rounded(.towardZero)) }
                return ints.contains(nil) ? nil : Folded(.ints(ints.compactMap(\.self)), dims: array.dims)
            }
    }
}

/// The result of an integer operation, where it is exact.
private func exact(_ result: (partialValue: Int, overflow: Bool)) -> Int? {
    result.overflow ? nil : result.partialValue
}
