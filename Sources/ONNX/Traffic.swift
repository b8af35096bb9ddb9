extension Model {
    /// The bytes of all intermediate values of one run, each counted once: what has to pass through memory where it does not stay in the processor's caches.
    ///
    /// `nil` when some extents are not known.
    /// - Parameter inputShapes: extents by input name, as for ``shapes(with:)``.
    public func activationBytes(with inputShapes: [String: [Int]]) throws(ONNXError) -> Double? {
        let facts = try facts(with: inputShapes)
        var total = 0.0
        for node in nodes {
            for name in node.outputs where !name.isEmpty {
                guard let found = facts[name], let dims = found.dims else { return nil }
                if found.folded != nil { continue }
                let bytes = (found.type ?? .float).byteCount(of: 1) ?? 4
                total += dims.reduce(Double(bytes)) { $0 * Double($1) }
            }
        }
        return total
    }
}
