/// What a trial found out about one faster type.
public struct PrecisionFinding: Sendable, Hashable {
    public enum Outcome: String, Sendable, Hashable, CaseIterable {
        /// It kept the bound on every probe, and was faster.
        case proven
        /// It broke the bound on the probe that is named.
        case inexact
        /// It gave NaN or infinity where f32 gives numbers.
        case notFinite
        /// It kept the bound, and gains too little time.
        case notFaster
        /// The network answered most probes with one and the same value: nothing is proven by that.
        case silent
        /// The engine could not compile or run the network in it.
        case failed

        /// Whether another trial would find the same: not where the machine's load may have decided.
        var isLasting: Bool {
            switch self {
            case .proven, .inexact, .notFinite, .silent: true
            case .notFaster, .failed: false
            }
        }
    }

    public let precision: Precision
    public let outcome: Outcome
    /// The least PSNR against f32 of any probe that was run (noise of full scale apart), dB.
    public let psnr: Double
    /// The largest error of any of them, in code values of 8 bits.
    public let largest: Double
    /// How many probes were run: all of them, or up to the one that refuted.
    public let probes: Int
    /// f32's time over this type's.
    public let speedup: Double
    /// The probe that refuted; empty otherwise.
    public let probe: String

    public init(_ precision: Precision, _ outcome: Outcome, psnr: Double = .infinity, largest: Double = 0, probes: Int = 0, speedup: Double = 1,
                probe: String = "") {
        self.precision = precision
        self.outcome = outcome
        self.psnr = psnr
        self.largest = largest
        self.probes = probes
        self.speedup = speedup
        self.probe = probe
    }

    /// `61.2 dB against f32 on 17 probes, 1.9 times as fast`, or why not.
    public var description: String {
        let name = precision.rawValue
        switch outcome {
        case .proven: return "\(decibels) against f32 on \(probes) probes, \(oneDecimal(speedup)) times as fast"
        case .inexact: return "\(name) is refuted by \(probe): \(decibels) against f32, up to \(oneDecimal(largest)) code values"
        case .notFinite: return "\(name) is refuted by \(probe): NaN or infinity"
        case .notFaster: return "\(name) would be right (\(decibels) on \(probes) probes) but is only \(oneDecimal(speedup)) times as fast"
        case .silent: return "\(name) is not proven: most probes leave the network's result unchanged"
        case .failed: return "\(name) cannot be used: the engine fails to run the network in it"
        }
    }

    private var decibels: String { psnr.isFinite ? "\(oneDecimal(psnr)) dB" : "no difference" }
}

/// The arithmetic that `auto` settled on for a network, and why.
public struct PrecisionVerdict: Sendable, Hashable {
    /// What to compute in.
    public let precision: Precision
    /// What was found about each faster type of the device, in the order they were tried.
    public let findings: [PrecisionFinding]

    /// The fastest that is proven, else f32.
    public init(findings: [PrecisionFinding]) {
        self.findings = findings
        precision = findings.filter { $0.outcome == .proven }.max { $0.speedup < $1.speedup }?.precision ?? .f32
    }

    /// Whether a later run may do without a trial of its own: a type was proven, or every one refuted for good.
    var isLasting: Bool { precision != .f32 || findings.allSatisfy(\.outcome.isLasting) }

    /// One sentence: what was found of the chosen type, or why none but f32 will do.
    public var reason: String {
        if let chosen = findings.first(where: { $0.precision == precision }) { return chosen.description }
        return findings.map(\.description).joined(separator: "; ")
    }
}

/// `1.9`: Foundation's formats are not needed for this.
func oneDecimal(_ value: Double) -> String {
    guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
    let tenths = Int((value * 10).rounded())
    return "\(tenths < 0 ? "-" : "")\(abs(tenths) / 10).\(abs(tenths) % 10)"
}
