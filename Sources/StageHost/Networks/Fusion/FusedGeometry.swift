internal import Inference

extension NetworkGeometry {
    /// The geometry of networks run one after the other, none of which extends its picture.
    ///
    /// ```
    ///   cell of the last      [p,            q)          multiples of its grid
    ///   reads, of the first's result  [p - L2,   q + R2)      rounded outwards to the first's grid
    ///   reads, of the picture    [p' - L1,        q' + R1)
    /// ```
    /// What each part of the chain reads is covered, so tiles that are exact for each network are exact for all together.
    ///
    /// - Parameters:
    ///   - parts: at least one; each takes the size that the one before gives.
    ///   - network: all of them as one graph.
    init(joining parts: [NetworkGeometry], stages: [String], network: PreparedNetwork, stage: String) throws(StageError) {
        func joined(_ axis: KeyPath<NetworkGeometry, AxisGeometry>) throws(StageError) -> AxisGeometry {
            do throws(TilingError) {
                var result = parts[0][keyPath: axis]
                for part in parts.dropFirst() { result = try result.followed(by: part[keyPath: axis]) }
                return result
            } catch {
                throw .host(error.message, stage: stage, code: .geometry)
            }
        }
        let first = parts[0], last = parts[parts.count - 1]
        let x = try joined(\.x), y = try joined(\.y)
        let order = ["local", "block", "global"]
        let worst = parts.max { (order.firstIndex(of: $0.kind) ?? 3) < (order.firstIndex(of: $1.kind) ?? 3) } ?? first
        self.init(
            extensionX: first.extensionX, extensionY: first.extensionY, outputWidth: last.outputWidth, outputHeight: last.outputHeight, x: x, y: y,
            kind: worst.kind, isTileable: parts.allSatisfy(\.isTileable), isApproximate: parts.contains(where: \.isApproximate),
            halo: NetworkReport.Halo(left: x.haloBefore, right: x.haloAfter, top: y.haloBefore, bottom: y.haloAfter), stride: (x.alignment, y.alignment),
            deciding: zip(parts, stages).flatMap { part, name in part.isTileable ? [] : part.deciding.map { "\(name): \($0)" } },
            network: network, stage: stage)
    }
}

/// How several networks relate to one picture together.
struct FusedSizing: NetworkSizing {
    let steps: [NetworkStep]

    func geometry(of network: PreparedNetwork, options: NetworkOptions, width: Int, height: Int, stage: String) throws(StageError) -> NetworkGeometry {
        try NetworkGeometry(joining: steps.map(\.geometry), stages: steps.map(\.stage), network: network, stage: stage)
    }

    var derivesFromGraph: Bool { steps.allSatisfy(\.host.plan.derivesFromGraph) }

    var alphaSizes: [(width: Int, height: Int)]? {
        let inner = steps.dropLast()
        return inner.contains { $0.whiteOut == nil } ? nil : inner.map { ($0.geometry.outputWidth, $0.geometry.outputHeight) }
    }
}
