import Foundation

/// What this process may use of the machine.
public enum Machine {
    /// Cores that the process may run on.
    public static var cores: Int {
        max(1, ProcessInfo.processInfo.activeProcessorCount)
    }

    /// Bytes of memory: the machine's, or the control group's where that is less.
    public static var memory: Int {
        let physical = Int(clamping: ProcessInfo.processInfo.physicalMemory)
        // Version 2 of control groups, then version 1.
        let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].compactMap { path -> Int? in
            guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
            return Int(text.trimmingCharacters(in: .whitespacesAndNewlines))
        }
        return limits.filter { $0 > 0 }.reduce(physical, min)
    }
}
