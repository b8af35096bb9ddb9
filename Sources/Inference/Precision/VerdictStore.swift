internal import ContentHash
internal import Glibc

/// Verdicts on disk, one small text file each, named by the key that says what was judged.
///
/// A file is written under a temporary name and renamed, so that readers see all of it or nothing. What cannot be read, is damaged, or was written by another
/// version is taken for absent; a folder that cannot be written makes the store forget. Neither is ever an error: a verdict can be found again.
public struct VerdictStore: Sendable {
    /// The folder of the files; made when the first one is written.
    public let folder: String

    /// Raised when probes, bounds or the file change: older verdicts then count no more.
    private static let format = "aquatint-precision 2"
    /// Files are some hundred bytes; anything much longer is none of ours.
    private static let maximumBytes = 8192

    public init(folder: String) { self.folder = folder }

    /// The name of an entry for everything that a verdict depends on.
    public static func key(_ parts: [String]) -> String {
        SHA256.hash(Array(([format] + parts).map { "\($0.utf8.count):\($0)" }.joined().utf8)).hex
    }

    /// The verdict of that key, or nil.
    public func verdict(for key: String) -> PrecisionVerdict? {
        guard let bytes = read(path(key)) else { return nil }
        return Self.parse(bytes, key: key)
    }

    /// Keeps a verdict that lasts, and no other. One for f32 stays whatever comes after it: what has failed once on some picture is not proven by others.
    public func keep(_ verdict: PrecisionVerdict, for key: String) {
        guard verdict.isLasting else { return }
        if let known = self.verdict(for: key), known.precision == .f32, verdict.precision != .f32 { return }
        makeFolder()
        let temporary = "\(path(key)).\(getpid())-\(UInt32.random(in: 0 ... .max))"
        guard write(Self.text(of: verdict, key: key), to: temporary) else { return }
        if rename(temporary, path(key)) != 0 { unlink(temporary) }
    }

    private func path(_ key: String) -> String { "\(folder)/\(key)" }

    // MARK: the file

    /// The format, the key, a line per finding, and the hash of all that.
    static func text(of verdict: PrecisionVerdict, key: String) -> [UInt8] {
        var lines = [format, key]
        for finding in verdict.findings {
            lines.append([finding.precision.rawValue, finding.outcome.rawValue, "\(finding.psnr)", "\(finding.largest)", "\(finding.probes)", "\(finding.speedup)",
                          finding.probe].joined(separator: "\t"))
        }
        let body = Array((lines.joined(separator: "\n") + "\n").utf8)
        return body + Array(SHA256.hash(body).hex.utf8)
    }

    static func parse(_ bytes: [UInt8], key: String) -> PrecisionVerdict? {
        guard bytes.count > 64, bytes.count <= maximumBytes else { return nil }
        let body = Array(bytes.dropLast(64))
        guard SHA256.hash(body).hex.utf8.elementsEqual(bytes.suffix(64)) else { return nil }
        let lines = String(decoding: body, as: UTF8.self).split(separator: "\n")
        guard lines.count >= 2, lines[0] == format, lines[1] == key else { return nil }
        var findings: [PrecisionFinding] = []
        for line in lines.dropFirst(2) {
            guard let finding = Self.finding(line), !findings.contains(where: { $0.precision == finding.precision }) else { return nil }
            findings.append(finding)
        }
        return findings.isEmpty ? nil : PrecisionVerdict(findings: findings)
    }

    private static func finding(_ line: Substring) -> PrecisionFinding? {
        let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
        guard fields.count == 7, let precision = Precision(rawValue: String(fields[0])), precision != .f32,
              let outcome = PrecisionFinding.Outcome(rawValue: String(fields[1])), let psnr = Double(fields[2]), !psnr.isNaN,
              let largest = Double(fields[3]), !largest.isNaN, let probes = Int(fields[4]), probes >= 0, let speedup = Double(fields[5]), speedup.isFinite, speedup >= 0,
              // The name is shown to the user.
              fields[6].utf8.count <= 100, fields[6].utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) else { return nil }
        return PrecisionFinding(precision, outcome, psnr: psnr, largest: largest, probes: probes, speedup: speedup, probe: String(fields[6]))
    }

    // MARK: files

    private func read(_ path: String) -> [UInt8]? {
        // A pipe or a device of that name must not hold up the run.
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= Self.maximumBytes else { return nil }
        var bytes = [UInt8](repeating: 0, count: Self.maximumBytes + 1), filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress! + filled, $0.count - filled) }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { return nil }
            if count == 0 { break }
            filled += count
        }
        return Array(bytes.prefix(filled))
    }

    private func write(_ bytes: [UInt8], to path: String) -> Bool {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { return false }
        let isWritten = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) } == bytes.count
        let isClosed = close(file) == 0
        if !isWritten || !isClosed { unlink(path) }
        return isWritten && isClosed
    }

    private func makeFolder() {
        var end = folder.startIndex
        while end < folder.endIndex {
            end = folder[folder.index(after: end)...].firstIndex(of: "/") ?? folder.endIndex
            mkdir(String(folder[..<end]), 0o700)
        }
    }
}
