import ArgumentParser
import Foundation
import PipelineLanguage
import Runner
import Vips

struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compare two pictures: PSNR, SSIM, largest difference, CIEDE2000, metadata.",
        discussion: "Ends with 1 where the pictures cannot be compared, or are further apart than --min-psnr or --max-difference allow.")

    @Argument(help: "A picture.")
    var first: String

    @Argument(help: "Another.")
    var second: String

    @Option(help: ArgumentHelp("Pixels on each side that are left out.", valueName: "pixels"))
    var border = 0

    @Option(help: ArgumentHelp("Writes where they differ as a picture of false colours: up to red for CIEDE2000 of 10 and more.", valueName: "file"))
    var heatmap: String?

    @Option(name: .customLong("min-psnr"), help: ArgumentHelp("End with 1 below that PSNR.", valueName: "dB"))
    var minPSNR: Double?

    @Option(name: .customLong("max-difference"), help: ArgumentHelp("End with 1 where a sample differs by more.", valueName: "code values"))
    var maxDifference: Double?

    @Flag(help: "One JSON object on standard output.")
    var json = false

    func run() throws {
        guard border >= 0 else { throw RunError(.usage, "--border takes a number from 0") }
        do {
            try VipsLibrary.start()
        } catch {
            throw RunError(.unavailable, "libvips cannot be started: \(error.message)")
        }
        let comparison = try ImageComparison(first, second, border: border)
        if let heatmap { try comparison.writeHeatmap(to: heatmap) }
        Terminal.standardOutput(json ? report(comparison).text() + "\n" : text(comparison))
        let isFar = comparison.psnr < minPSNR ?? -.infinity || comparison.maxDifference > maxDifference ?? .infinity
        if isFar { throw ExitStatus.someFailed }
    }

    private func report(_ it: ImageComparison) -> JSON {
        .object([
            ("v", .int(1)), ("identical", .bool(it.maxDifference == 0)), ("psnr", .double(it.psnr)), ("psnr_y", it.psnrY.map { .double($0) } ?? .null),
            ("ssim", it.ssim.map { .double($0) } ?? .null), ("max_difference", .double(it.maxDifference)),
            ("de2000_mean", it.de2000.map { .double($0.mean) } ?? .null), ("de2000_max", it.de2000.map { .double($0.max) } ?? .null),
            ("width", .int(it.width)), ("height", .int(it.height)), ("bands", .int(it.bands)), ("format", .string(it.format)),
            ("notes", .array(it.notes.map { .string($0) })),
            ("metadata", .array(it.metadata.map { .object([("field", .string($0.name)), ("kind", .string($0.kind.rawValue))]) })),
        ])
    }

    private func text(_ it: ImageComparison) -> String {
        func number(_ value: Double, _ digits: Int) -> String { value.isFinite ? String(format: "%.\(digits)f", value) : "infinite" }
        var lines = ["size            \(it.width) x \(it.height), \(it.bands) bands, \(it.format)"]
        lines.append("PSNR            \(number(it.psnr, 2)) dB" + (it.maxDifference == 0 ? ": the pixels are the same" : ""))
        if let psnrY = it.psnrY { lines.append("PSNR of luma    \(number(psnrY, 2)) dB") }
        if let ssim = it.ssim { lines.append("SSIM            \(number(ssim, 4))") }
        lines.append("max difference  \(number(it.maxDifference, it.maxDifference == it.maxDifference.rounded() ? 0 : 4)) code values")
        if let (mean, max) = it.de2000 { lines.append("CIEDE2000       mean \(number(mean, 3)), max \(number(max, 3))") }
        for note in it.notes { lines.append("note            \(note)") }
        for field in it.metadata { lines.append("metadata        \(Terminal.printable(field.name)) \(field.kind.rawValue)") }
        return lines.joined(separator: "\n") + "\n"
    }
}
