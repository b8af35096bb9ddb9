internal import Glibc

/// How a network's numbers become the samples that a user gets: what an error is measured in.
public struct ProbeScale: Sendable, Hashable {
    /// `sample = factor * y + offset` for the network's output y.
    public var factor: Float
    public var offset: Float
    /// Black and white of a picture, to which samples are clipped; nil for data, whose scale is the spread of its own values.
    public var limits: ClosedRange<Float>?

    public init(factor: Float = 1, offset: Float = 0, limits: ClosedRange<Float>?) {
        self.factor = factor
        self.offset = offset
        self.limits = limits
    }

    fileprivate func sample(_ value: Float) -> Double {
        let sample = factor * value + offset
        guard let limits else { return Double(sample) }
        return Double(min(max(sample, limits.lowerBound), limits.upperBound))
    }
}

/// The difference between two results of one network, in code values of 8 bits: full scale is 255.
public struct PrecisionError: Sendable, Hashable {
    /// Peak signal to noise ratio in dB; infinite where nothing differs.
    public let psnr: Double
    /// The largest difference of a sample.
    public let largest: Double
    /// The share of samples that differ by at most 1.
    public let within: Double
    /// Whether every sample of the candidate is a number. The other figures mean nothing where not.
    public let isFinite: Bool
    /// The standard deviation of the reference: about 0 where the result says nothing about errors.
    public let spread: Double

    /// The error of `candidate` against `reference`: outputs of the network for the same input, equally many of them and at least one.
    ///
    /// Returns nil where the reference itself holds NaN or infinity, which no judgement can be based on.
    public init?(of candidate: [Float], against reference: [Float], scale: ProbeScale) {
        precondition(candidate.count == reference.count && !reference.isEmpty, "\(candidate.count) values compared with \(reference.count)")
        guard reference.allSatisfy(\.isFinite) else { return nil }
        let expected = reference.map(scale.sample)
        let limits = scale.limits.map { Double($0.lowerBound)...Double($0.upperBound) } ?? (expected.min() ?? 0)...(expected.max() ?? 0)
        // Data that is the same everywhere has no scale of its own but its size.
        var full = limits.upperBound - limits.lowerBound
        if full == 0 { full = max(abs(limits.upperBound), 1) }
        let step = full / 255
        var squares = 0.0, largest = 0.0, near = 0, sum = 0.0, sumOfSquares = 0.0, isFinite = true
        for (index, value) in candidate.enumerated() {
            guard value.isFinite else { isFinite = false; break }
            let difference = abs(scale.sample(value) - expected[index]) / step
            squares += difference * difference
            largest = max(largest, difference)
            if difference <= 1 { near += 1 }
            let level = (expected[index] - limits.lowerBound) / step
            sum += level
            sumOfSquares += level * level
        }
        let count = Double(candidate.count), mean = squares / count
        self.isFinite = isFinite
        self.largest = largest
        psnr = mean > 0 ? 10 * log10(255 * 255 / mean) : .infinity
        within = Double(near) / count
        spread = max(0, sumOfSquares / count - (sum / count) * (sum / count)).squareRoot()
    }
}

/// What a faster type must keep against f32 on a probe.
public struct PrecisionBound: Sendable, Hashable {
    /// dB.
    public var minimumPSNR: Double
    /// The share of samples that must lie within one code value of 8 bits.
    public var minimumWithin: Double
    /// Code values of 8 bits that no sample may differ by more than.
    public var maximumError: Double

    public init(minimumPSNR: Double, minimumWithin: Double, maximumError: Double) {
        self.minimumPSNR = minimumPSNR
        self.minimumWithin = minimumWithin
        self.maximumError = maximumError
    }

    /// Pictures of 8 bits: what makes other pictures keep 57 dB and 5 code values *as saved*. Rounding turns an error of r code values into a difference of 1 in
    /// about 0.8 r of the samples: 57 dB after it are 64 dB before it. The rest is a margin for pictures that are not probed.
    public static let eightBits = PrecisionBound(minimumPSNR: 66, minimumWithin: 0.999, maximumError: 4)
    /// Pictures of 16 bits and floats, and data: in practice only f32 keeps it.
    public static let deep = PrecisionBound(minimumPSNR: 85, minimumWithin: 1, maximumError: 0.1)
    /// Noise of full scale is no picture: networks amplify it to differences that none of their real inputs shows. It need only be free of garbage.
    public static let noGarbage = PrecisionBound(minimumPSNR: 45, minimumWithin: 0, maximumError: 16)

    public func isKept(by error: PrecisionError) -> Bool {
        error.isFinite && error.psnr >= minimumPSNR && error.within >= minimumWithin && error.largest <= maximumError
    }
}
