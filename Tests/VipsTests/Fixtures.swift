import Foundation
import Testing

@testable import Vips

/// All tests of the module, one after the other: some of them count the live objects of the process.
@Suite(.serialized) enum VipsTests {}

/// A folder that goes away with its owner.
final class Scratch: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/aquatint-vips-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    func callAsFunction(_ name: String) -> String { path + "/" + name }

    func write(_ bytes: [UInt8], as name: String) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: self(name)))
        return self(name)
    }

    func read(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(fileURLWithPath: self(name))))
    }
}

/// Small pictures with structure: gradients, an edge, noise that is the same every time.
enum Picture {
    static func pixels(width: Int, height: Int, bands: Int) -> [UInt8] {
        var state: UInt32 = 12345
        var bytes: [UInt8] = []
        bytes.reserveCapacity(width * height * bands)
        for y in 0..<height {
            for x in 0..<width {
                for band in 0..<bands {
                    state = state &* 1_664_525 &+ 1_013_904_223
                    let noise = Int(state >> 27)
                    let ramp = band == 0 ? x * 200 / width : band == 1 ? y * 200 / height : (x + y) * 100 / (width + height)
                    let edge = (x - width / 2) * (x - width / 2) + (y - height / 2) * (y - height / 2) < width * height / 16 ? 40 : 0
                    bytes.append(UInt8(min(255, ramp + edge + noise)))
                }
            }
        }
        return bytes
    }

    static func rgb(width: Int = 61, height: Int = 47) throws -> Image {
        try Image.samples(
            pixels(width: width, height: height, bands: 3), width: width, height: height, bands: 3, format: .uchar,
            interpretation: .srgb)
    }

    static func rgba(width: Int = 61, height: Int = 47) throws -> Image {
        try Image.samples(
            pixels(width: width, height: height, bands: 4), width: width, height: height, bands: 4, format: .uchar,
            interpretation: .srgb)
    }

    static func grey(width: Int = 61, height: Int = 47) throws -> Image {
        try Image.samples(
            pixels(width: width, height: height, bands: 1), width: width, height: height, bands: 1, format: .uchar,
            interpretation: .blackAndWhite)
    }
}

/// The `vips` command, for comparison.
enum VipsCommand {
    static let path: String? = (ProcessInfo.processInfo.environment["PATH"] ?? "")
        .split(separator: ":").map { "\($0)/vips" }
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    static var isInstalled: Bool { path != nil }

    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    /// Gives what it printed.
    static func run(_ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(path))
        process.arguments = arguments
        let output = Pipe(), errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let complaint = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failed(description: "vips \(arguments.joined(separator: " ")): \(complaint)")
        }
        return text
    }
}
