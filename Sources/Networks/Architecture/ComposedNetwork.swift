/// The network of an architecture: its modules, each under its name, called in their order.
public final class ComposedNetwork: Module {
    /// How much larger or smaller maps may become on the way: no picture is enlarged more, and nothing can overflow.
    private static let factors = Ratio(1, 1024)...Ratio(64)

    /// Bands of the picture that it takes.
    public let inChannels: Int

    private struct Member: Sendable {
        let name: String
        let step: ModuleType.Step
        let inputs: [String]
    }

    private let members: [Member]

    /// Throws where a module is not one of ``ModuleType``, an argument is out of its range, or an input is not before it in the list.
    public init(_ architecture: Architecture) throws(NetworkError) {
        var members: [Member] = []
        var known: Set<String> = ["input"]
        for entry in architecture.entries {
            let inputs = entry.inputs ?? [members.last?.name ?? "input"]
            if let unknown = inputs.first(where: { !known.contains($0) }) {
                throw .architecture("\(entry.name): its input \(printable(unknown)) is not before it in the list")
            }
            members.append(Member(name: entry.name, step: try ModuleType.step(entry), inputs: inputs))
            guard known.insert(entry.name).inserted else { throw .architecture("two modules are called \(entry.name)") }
        }
        inChannels = architecture.inChannels
        self.members = members
    }

    public var children: [(name: String, module: any Module)] {
        members.compactMap { member in
            if case .module(let module) = member.step { (member.name, module) } else { nil }
        }
    }

    public func callAsFunction(_ x: Tensor) throws(NetworkError) -> Tensor {
        // A map's size is its factor times the picture's, up to what borders take or add.
        var results = ["input": (map: x, factor: Ratio(1))]
        var last = x
        for member in members {
            let inputs = member.inputs.compactMap { results[$0] }
            guard let first = inputs.first else { continue }
            do throws(NetworkError) {
                var factor = first.factor
                switch member.step {
                case .module(let module):
                    last = try module(first.map)
                    factor = factor * module.sizeFactor
                case .join(let join):
                    guard inputs.allSatisfy({ $0.factor == factor }) else { throw .architecture("its inputs are maps of different sizes") }
                    last = try join(inputs.map(\.map))
                }
                guard Self.factors.contains(factor) else {
                    throw .architecture("its result would be \(factor) times as large as the picture; 1/1024 to 64 are allowed")
                }
                guard last.channels <= ModuleType.channelLimit else { throw .architecture("its result would have \(last.channels) channels") }
                results[member.name] = (last, factor)
            } catch {
                guard case .architecture(let reason) = error else { throw error }
                throw .architecture("\(member.name): \(reason)")
            }
        }
        return last
    }

    public var description: String { "the network it describes" }

    /// How it may be cut into tiles where it has windowed attention; nil where it has none, and the graph tells, or where it cannot be cut.
    ///
    /// - Parameter outChannels: bands of its result.
    public func blockPlan(outChannels: Int) -> BlockPlan? {
        var maps = ["input": MapFootprint()]
        var alignment = Alignment()
        var last = MapFootprint()
        for member in members {
            let inputs = member.inputs.compactMap { maps[$0] }
            guard var map = inputs.first else { return nil }
            switch member.step {
            case .module(let module):
                alignment.add(windows: module.windows, at: map.factor)
                map.wrong = map.wrong.flatMap { module.spread($0) }
                map.factor = map.factor * module.sizeFactor
                alignment.add(side: 1, at: map.factor)
            case .join:
                for other in inputs { map.wrong = map.wrong.flatMap { known in other.wrong.map { max(known, $0) } } }
            }
            // A network that reaches further is cut into no tiles worth having; and sums stay small.
            if let wrong = map.wrong, wrong > 1 << 20 { map.wrong = nil }
            maps[member.name] = map
            last = map
        }
        guard alignment.hasWindows, let step = alignment.value, let wrong = last.wrong else { return nil }
        let halo = (wrong * last.factor.denominator + last.factor.numerator - 1) / last.factor.numerator
        return BlockPlan(alignment: step, halo: halo, scale: last.factor, isRagged: !alignment.hasStrides, outChannels: outChannels)
    }
}

extension Network {
    /// The ONNX model of a weights file that carries its architecture, and what it is of.
    ///
    /// Throws as ``onnx(of:inChannels:weights:)``, and where the file has no architecture or a wrong one.
    public static func onnx(of weights: Weights) throws(NetworkError) -> [UInt8] { try described(by: weights).onnx }

    /// The same, and how the network may be cut into tiles where its graph does not tell.
    public static func described(by weights: Weights) throws(NetworkError) -> (onnx: [UInt8], blocks: BlockPlan?) {
        let architecture = try Architecture(of: weights)
        do throws(NetworkError) {
            let network = try ComposedNetwork(architecture)
            let made = try made(of: network, inChannels: network.inChannels, weights: weights)
            return (made.onnx, network.blockPlan(outChannels: made.outChannels))
        } catch {
            guard case .architecture(let reason) = error else { throw error }
            throw .weights(WeightsError(file: weights.file, failure: "describes a network that cannot be", problems: [reason]))
        }
    }
}
