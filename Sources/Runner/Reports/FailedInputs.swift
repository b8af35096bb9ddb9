internal import Foundation

/// The inputs that failed in earlier runs, as their reports name them: what `--retry-failed` does again.
public struct FailedInputs: Sendable {
    struct Entry: Sendable, Equatable {
        /// As it can be opened from here.
        var path: String
        /// The place below the folder that was given then.
        var folder: String
        /// What `{index}` stood for; nil for a folder that could not be listed.
        var number: Int?
    }

    var entries: [Entry] = []
    /// The largest `{index}` that the reports know of.
    var largestNumber = 0

    /// Reports of runs that were ended before they had come to every image: those that are missing there have not failed.
    public private(set) var unfinished: [String] = []

    public var isEmpty: Bool { entries.isEmpty }

    /// Reads reports; of an input that is in several lines, the last one counts.
    ///
    /// - Throws: `RunError`: 66 for a file that is not there, 65 for one that is no report of this version, or a damaged one.
    public init(reports: [String]) throws(RunError) {
        var all: [PathKey: (entry: Entry, hasFailed: Bool)] = [:], order: [PathKey] = []
        for report in reports {
            let lines = try Self.lines(report)
            if lines.last?.content.type != "summary" || lines.last?.content.not_reached ?? 0 > 0 { unfinished.append(report) }
            for line in lines {
                guard let (entry, path, hasFailed) = try line.image() else { continue }
                largestNumber = max(largestNumber, entry.number ?? 0)
                if all.updateValue((entry, hasFailed), forKey: PathKey(path)) == nil { order.append(PathKey(path)) }
            }
        }
        entries = order.compactMap { all[$0] }.filter(\.hasFailed).map(\.entry)
    }

    /// A line of a report, as far as it matters here.
    private struct Line {
        struct Content: Decodable {
            var v: Int
            var type: String
            var input: String?
            var input_path: String?
            var folder: String?
            var index: Int?
            var status: String?
            var not_reached: Int?
        }

        var content: Content
        var fail: @Sendable (String) -> RunError

        /// The input of a line about one; with its absolute path in the first run.
        func image() throws(RunError) -> (Entry, path: String, hasFailed: Bool)? {
            guard content.v == RunRecord.version else {
                throw fail("is of version \(content.v) of reports, and this program (\(AquatintVersion.text)) reads version \(RunRecord.version)")
            }
            guard content.type == "image" else { return nil }
            guard let input = content.input, let path = content.input_path, let folder = content.folder, let status = content.status, !input.isEmpty, path.hasPrefix("/"),
                  ImageReport.Status(rawValue: status) != nil, content.index.map({ $0 >= 1 && $0 < .max / 2 }) ?? true,
                  !folder.hasPrefix("/"), !folder.split(separator: "/").contains("..") else { throw fail("is damaged: fields are missing, or have other values than a run writes") }
            // As it was given where that still means the same file; a tree that was moved is found from where it is.
            let own = PathKey(Path.absolute(input)) == PathKey(path) || FileStatus(path) == nil ? input : path
            return (Entry(path: own, folder: folder, number: content.index), path, status == ImageReport.Status.failed.rawValue)
        }
    }

    private static func lines(_ report: String) throws(RunError) -> [Line] {
        guard let status = FileStatus(report) else { throw RunError(.inputMissing, "there is no report '\(report)'") }
        guard status.kind != .directory, let data = try? Data(contentsOf: URL(filePath: report), options: .mappedIfSafe) else {
            throw RunError(.inputMissing, "the report '\(report)' cannot be read")
        }
        let decoder = JSONDecoder()
        var lines: [Line] = []
        for (index, bytes) in data.split(separator: 10, omittingEmptySubsequences: false).enumerated() where !bytes.isEmpty {
            @Sendable func fail(_ what: String) -> RunError {
                RunError(.invalidPipeline, "the report '\(report)' cannot be used: line \(index + 1) \(what)", hint: "run the same command with the inputs again: it does what is missing")
            }
            guard let content = try? decoder.decode(Line.Content.self, from: Data(bytes)) else {
                throw fail(bytes.endIndex == data.endIndex ? "is cut off" : "is no line of a report")
            }
            lines.append(Line(content: content, fail: fail))
        }
        guard !lines.isEmpty else { throw RunError(.invalidPipeline, "the report '\(report)' is empty: no run has written it") }
        return lines
    }
}
