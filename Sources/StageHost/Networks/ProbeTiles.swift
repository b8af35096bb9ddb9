internal import Inference
internal import Vips

/// Parts of the user's own picture that a network is tried on: the most detailed, the darkest, the brightest, and two from the middle.
///
/// A grid of small samples is read first, to choose by; of a picture that a network before this one computes, that is a few of its cells.
struct ProbeTiles {
    let image: Image
    /// How samples become the network's values.
    let bands: [SampleReader.Band]
    /// The number that means white.
    let white: Float

    private static let samplesPerSide = 4
    private static let sampleEdge = 64

    /// What messages call the tile, and its values as the network reads them.
    struct Tile {
        let name: String
        let values: [Float]
    }

    /// The middle of a part that is worth a trial.
    struct Place {
        /// What messages call it.
        let name: String
        let x: Int
        let y: Int
    }

    /// The parts, the most detailed first. None twice, and fewer in small pictures.
    func centres() throws -> [Place] {
        let columns = Self.places(image.width), rows = Self.places(image.height)
        var samples: [(x: Int, y: Int, detail: Float, mean: Float)] = []
        for y in rows {
            for x in columns {
                let (detail, mean) = try measure(x: x, y: y)
                samples.append((x, y, detail, mean))
            }
        }
        let detailed = samples.indices.sorted { samples[$0].detail > samples[$1].detail }
        let light = samples.indices.sorted { samples[$0].mean < samples[$1].mean }
        var wanted: [(index: Int, name: String)] = detailed.prefix(2).map { ($0, "a detailed part of the picture") }
        wanted += light.prefix(1).map { ($0, "the darkest part of the picture") }
        wanted += light.suffix(1).map { ($0, "the brightest part of the picture") }
        wanted += [samples.count / 3, 2 * samples.count / 3].map { ($0, "a part of the picture") }
        var seen: Set<Int> = []
        return wanted.filter { seen.insert($0.index).inserted }.map { choice in
            let sample = samples[choice.index]
            return Place(name: choice.name, x: min(sample.x + Self.sampleEdge / 2, image.width - 1), y: min(sample.y + Self.sampleEdge / 2, image.height - 1))
        }
    }

    /// A tile around each of the parts; where the picture is smaller than that, it is mirrored.
    func tiles(width: Int, height: Int, layout: SampleReader.Layout) throws -> [Tile] {
        func pixels(_ size: Int, _ wanted: Int, around centre: Int) -> [Int] {
            let axis = ExtensionAxis(size: size, after: max(0, wanted - size))
            let start = max(0, min(centre - wanted / 2, size - wanted))
            return (start..<start + wanted).map(axis.source(of:))
        }
        return try centres().map { place in
            let columns = pixels(image.width, width, around: place.x), rows = pixels(image.height, height, around: place.y)
            return Tile(name: place.name, values: try values(columns: columns, rows: rows, layout: layout))
        }
    }

    /// The values of a rectangle as the network reads them: for each of its columns and rows, the pixel of the picture that stands there.
    func values(columns: [Int], rows: [Int], layout: SampleReader.Layout) throws -> [Float] {
        var values = [Float](repeating: 0, count: columns.count * rows.count * bands.count)
        try copy(columns, rows, bands, layout, to: &values)
        return values
    }

    /// Where samples begin along an axis: spread from edge to edge, one where there is no room for more.
    private static func places(_ size: Int) -> [Int] {
        let last = size - sampleEdge
        guard last > 0 else { return [0] }
        let count = min(samplesPerSide, last / sampleEdge + 2)
        return (0..<count).map { last * $0 / (count - 1) }
    }

    /// How much neighbours differ, and how light a sample is, both as a share of white.
    private func measure(x: Int, y: Int) throws -> (detail: Float, mean: Float) {
        let columns = Array(x..<min(x + Self.sampleEdge, image.width)), rows = Array(y..<min(y + Self.sampleEdge, image.height))
        var values = [Float](repeating: 0, count: columns.count * rows.count)
        // Green, or the only band, stands for all.
        let band = SampleReader.Band(source: image.bands >= 3 ? 1 : 0, scale: 1 / white, bias: 0)
        try copy(columns, rows, [band], .planar(width: columns.count, height: rows.count), to: &values)
        var detail: Float = 0, sum: Float = 0
        for index in values.indices {
            sum += values[index]
            if index % columns.count > 0 { detail += abs(values[index] - values[index - 1]) }
            if index >= columns.count { detail += abs(values[index] - values[index - columns.count]) }
        }
        let count = Float(values.count)
        return (detail / count, sum / count)
    }

    private func copy(_ columns: [Int], _ rows: [Int], _ bands: [SampleReader.Band], _ layout: SampleReader.Layout, to values: inout [Float]) throws {
        let reader = SampleReader(format: image.format, bands: image.bands, columns: columns, rows: rows)
        let area = reader.source
        let bytes = try Operation.image("extract_area", [
            "input": .image(image), "left": .int(area.left), "top": .int(area.top), "width": .int(area.width), "height": .int(area.height),
        ]).bytes()
        try bytes.withUnsafeBytes { bytes in
            try values.withUnsafeMutableBufferPointer { values in
                guard let base = bytes.baseAddress, let target = values.baseAddress else { return }
                try reader.copy(from: base, rowStride: area.width * image.bytesPerPixel, bands: bands, to: target, layout: layout)
            }
        }
    }
}
