internal import Foundation

/// Reads the descriptors of plug-ins in a process of its own, so that nothing that their code does when it is loaded hurts this one.
///
/// All files are read in one process where they behave. Where one does not, it may have harmed the others: each is then read in a process of its own, which
/// says which of them it was.
public struct PluginScanner: Sendable {
    /// The program, which has the command `scan-plugins`.
    let program: String
    let cache: ScanCache?
    /// Whether what was found before counts.
    let usesCache: Bool
    /// Seconds that one file may take.
    let limit: Double

    /// - Parameters:
    ///   - program: this program's own file.
    ///   - version: this program's version: findings of another do not count.
    ///   - cacheFolder: where findings are kept; nil for nowhere.
    ///   - rescans: look at every file anew.
    public init(program: String, version: String, cacheFolder: String?, rescans: Bool = false, limit: Double = 5) {
        self.program = program
        cache = cacheFolder.map { ScanCache(folder: "\($0)/plugins", program: program, version: version) }
        usesCache = !rescans
        self.limit = limit
    }

    /// A file that was found, and which it was.
    struct Result: Sendable {
        var finding: ScanFinding
        var identity: FileIdentity?
    }

    /// What came of each of the files, in their order.
    func scan(_ files: [String]) -> [Result] {
        let identities = files.map { FileIdentity($0) }
        let known = usesCache ? cache?.read() ?? [:] : [:]
        var findings: [ScanFinding?] = zip(files, identities).map { file, identity in
            guard let entry = known[file], entry.identity == identity else { return nil }
            return entry.finding
        }
        let unknown = files.indices.filter { findings[$0] == nil }
        if !unknown.isEmpty {
            for (index, finding) in zip(unknown, look(unknown.map { files[$0] })) { findings[index] = finding }
            // What was written while it was read is read again next time.
            var entries = known.filter { name, entry in FileIdentity(name) == entry.identity }
            for index in files.indices {
                guard let identity = identities[index], let finding = findings[index], finding.lasts, FileIdentity(files[index]) == identity else { continue }
                entries[files[index]] = ScanCache.Entry(path: files[index], identity: identity, finding: finding)
            }
            cache?.write(entries)
        }
        return files.indices.map { Result(finding: findings[$0] ?? .refused(["cannot be scanned"]), identity: identities[$0]) }
    }

    private func look(_ files: [String]) -> [ScanFinding] {
        do throws(WatchedProcess.StartFailed) {
            if files.count > 1, case .all(let findings) = try together(files, limit: min(2, limit)) { return findings }
            var findings: [ScanFinding] = []
            for file in files {
                switch try together([file], limit: limit) {
                case .all(let one): findings += one
                case .fault(let reason): findings.append(reason)
                }
            }
            return findings
        } catch {
            return files.map { _ in .refused(["cannot be scanned: no process could be started: \(error.reason)"]) }
        }
    }

    private enum Outcome {
        case all([ScanFinding])
        /// The last file that was begun, or one before it, did harm.
        case fault(ScanFinding)
    }

    private func together(_ files: [String], limit: Double) throws(WatchedProcess.StartFailed) -> Outcome {
        let process = try WatchedProcess(program, ["scan-plugins", "--"] + files)
        var findings: [ScanFinding] = []
        var isComplete = false, isMad = false
        // Starting the program is no time of a plug-in's.
        var patience = limit + 20
        let end = process.listen(patience: patience) { line in
            switch ScanLine(bytes: line) {
            case .begun: patience = limit
            case .found(let finding) where finding.isSound && findings.count < files.count: findings.append(finding)
            case .done: isComplete = true
            case .found, nil:
                isMad = true
                return nil
            }
            return patience
        }
        if isMad { return .fault(.quarantined("damaged the memory of the process while it was loaded")) }
        if isComplete, findings.count == files.count, end == .exited(0) { return .all(findings) }
        if end == .signalled(9) { return .fault(.refused(["cannot be scanned: the process was killed, perhaps for want of memory"])) }
        let what = end == .silent ? "did not return within \(Int(limit)) s" : end.description
        return .fault(.quarantined("\(what) while it was loaded" + (process.lastWords.map { ": \($0)" } ?? "")))
    }
}

/// A line of the process that scans.
enum ScanLine: Codable {
    /// The next file is being loaded.
    case begun
    case found(ScanFinding)
    /// All were.
    case done

    init?(bytes: [UInt8]) {
        guard let line = try? ScanJSON.decoder.decode(ScanLine.self, from: Data(bytes)) else { return nil }
        self = line
    }

    var bytes: [UInt8] { (try? ScanJSON.encoder.encode(self)).map { Array($0) } ?? [] }
}

/// How findings are written: bounds of a range may be infinite, for which JSON has no number.
enum ScanJSON {
    static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.nonConformingFloatEncodingStrategy = .convertToString(positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return encoder
    }

    static var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return decoder
    }
}

/// The process that scans: the other end of ``PluginScanner``.
public enum PluginScanProcess {
    /// Loads each of the files, says what it found, and ends the process.
    public static func run(_ files: [String]) -> Never {
        becomeWatched()
        for file in files {
            answer(ScanLine.begun.bytes)
            let before = writtenToOutput()
            var finding: ScanFinding
            do throws(PluginRefusal) {
                finding = .plugin(try PluginLibrary.read(file).descriptor)
            } catch {
                finding = .refused(error.reasons)
            }
            if writtenToOutput() > before {
                finding = .quarantined("wrote to standard output while it was loaded, which a plug-in must never do: use aqt_host.log, from init() on")
            }
            answer(ScanLine.found(finding).bytes)
        }
        answer(ScanLine.done.bytes)
        _exit(0)
    }
}
