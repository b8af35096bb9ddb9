/// The network of an architecture: its modules, each under its name, called in their order.
public final class ComposedNetwork: Module {
    /// How much larger or smaller maps may become on the way: no picture is enlarged more, and nothing can overflow.
    private static let factors = 1.0 / 1024...64

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
        var results = ["input": (map: x, factor: 1.0)]
        var last = x
        for member in members {
            let inputs = member.inputs.compactMap { results[$0] }
            guard let first = inputs.first else { continue }
            do throws(NetworkError) {
                var factor = first.factor
                switch member.step {
                case .module(let module):
                    last = try module(first.map)
                    factor *= module.sizeFactor
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
}

extension Network {
    /// The ONNX model of a weights file that carries its architecture, and what it is of.
    ///
    /// Throws as ``onnx(of:inChannels:weights:)``, and where the file has no architecture or a wrong one.
    public static func onnx(of weights: Weights) throws(NetworkError) -> [UInt8] {
        let architecture = try Architecture(of: weights)
        do throws(NetworkError) {
            let network = try ComposedNetwork(architecture)
            return try onnx(of: network, inChannels: network.inChannels, weights: weights)
        } catch {
            guard case .architecture(let reason) = error else { throw error }
            throw .weights(WeightsError(file: weights.file, failure: "describes a network that cannot be", problems: [reason]))
        }
    }
}
