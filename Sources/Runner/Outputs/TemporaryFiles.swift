internal import ContentHash
internal import Foundation
internal import StageHost
internal import Synchronization

/// Files that are not whole yet, or are wanted for a while only, and what killed runs have left of them.
///
/// They are named `.aquatint-<process id>-<number>@<place><extension>`, in the temporary directory without the dot: a later run tells by the process id whether one is
/// a leftover, and by the place whether it is the one to tell: process ids mean nothing on another machine, or in another container.
enum TemporaryFiles {
    private static let counter = Atomic<Int>(0)

    /// `PREFIXprocess-number@placeSUFFIX`: a name by which a later run can tell whether it is a leftover.
    static func uniqueName(in folder: String, prefix: String = "aquatint-", suffix: String) -> String {
        let number = counter.wrappingAdd(1, ordering: .relaxed).newValue
        return Path.join(folder, "\(prefix)\(ProcessInfo.processInfo.processIdentifier)-\(number)@\(place)\(suffix)")
    }

    /// Removes the temporary files that killed runs left in `folder`: those whose process is gone.
    static func clearLeftovers(in folder: String) { clear(".aquatint-", in: folder.isEmpty ? "." : folder) }

    /// Removes what a process of this run, which is gone, was writing to `folder`.
    static func clear(of process: pid_t, in folder: String) {
        let prefix = ".aquatint-\(process)-"
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? [] where name.hasPrefix(prefix) && name.contains("@\(place)") {
            unlink(Path.join(folder, name))
        }
    }

    /// Removes what killed runs left in the temporary directory: pixels of large images between two stages, and the folders of worker processes.
    static func clearTemporaryPixels(in folder: String = FileManager.default.temporaryDirectory.path) {
        clear(TemporaryPixels.namePrefix, suffix: TemporaryPixels.nameSuffix, in: folder)
        for suffix in [WorkerFolder.nameSuffix, ".icc"] { clear("aquatint-", suffix: suffix, in: folder) }
    }

    /// Removes the files named `PREFIXprocess-numberSUFFIX` whose process is gone.
    private static func clear(_ prefix: String, suffix: String = "", in folder: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where name.hasPrefix(prefix) && name.hasSuffix(suffix) {
            let parts = name.dropFirst(prefix.count).split(separator: "-")
            guard parts.count == 2, let process = pid_t(parts[0]), process > 0 else { continue }
            let path = Path.join(folder, name)
            let place = parts[1].split(separator: "@").dropFirst().first?.prefix { $0 != "." }
            if let place, place != Self.place {
                // Another machine's, or from before a restart: a day is longer than any image takes.
                let now = Int64(Date().timeIntervalSince1970 * 1e9)
                if let status = FileStatus(path), now - status.modified > 86_400_000_000_000 { try? FileManager.default.removeItem(atPath: path) }
            } else if kill(process, 0) != 0 && errno == ESRCH || ProcessMemory.isZombie(process) {
                try? FileManager.default.removeItem(atPath: path)
            }
        }
    }

    /// Stands for this boot of this machine, and this container of it: where a process id names one process.
    static let place: String = {
        let boot = (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)) ?? ProcessInfo.processInfo.hostName
        let space = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")) ?? ""
        return String(SHA256.hash(Array((boot + space).utf8)).hex.prefix(12))
    }()
}
