/// A profile of curves and a matrix (ICC.1:2022, 8.3.3 and 8.4.3), or of one curve of grey (8.3.5): what cameras, screens and most programs write.
///
/// Such a profile says in a few numbers what colour a sample is, and is computed here in floats, both ways. libvips goes through 16-bit integers, which are coarse near black for the
/// wide profiles.
struct MatrixProfile: Sendable, Equatable {
    /// How the samples of each band stand for light: one for grey, three for RGB.
    let curves: [ToneCurve]
    /// Light of red, green and blue to XYZ of D50; the unit matrix for grey.
    let matrix: Matrix3

    /// IEC 61966-2-1, its primaries adapted from D65 to D50 (Bradford).
    static let srgb = MatrixProfile(curves: [.srgb, .srgb, .srgb], matrix: Matrix3(rows: [
        [0.436041252, 0.385112911, 0.143045838], [0.222484540, 0.716905079, 0.060610381], [0.013920187, 0.097067239, 0.713912574],
    ]))

    /// Grey as programs take it that say nothing of it.
    static let srgbGrey = MatrixProfile(curves: [.srgb], matrix: .unit)

    /// The light that sRGB's code values stand for.
    static let light = MatrixProfile(curves: [.linear, .linear, .linear], matrix: srgb.matrix)

    /// The light that grey's code values stand for.
    static let greyLight = MatrixProfile(curves: [.linear], matrix: .unit)

    private init(curves: [ToneCurve], matrix: Matrix3) {
        self.curves = curves
        self.matrix = matrix
    }

    /// nil for every other kind, and for one that cannot be turned round: those are libvips' to read or to refuse.
    init?(_ profile: [UInt8]) {
        guard let header = ProfileHeader(profile), header.connection == "XYZ ", let bands = ["GRAY": 1, "RGB ": 3][header.space] else { return nil }
        // Where there are tables too, the colours are theirs, and curves and matrix only stand in.
        let tables = ["A2B", "B2A", "D2B", "B2D"].flatMap { kind in (0...3).map { "\(kind)\($0)" } }
        guard tables.allSatisfy({ ProfileHeader.place(ofTag: $0, in: profile) == nil }), let curves = ToneCurve.curves(of: profile, bands: bands) else { return nil }
        if bands == 1 {
            self.init(curves: curves, matrix: .unit)
            return
        }
        let columns = ["rXYZ", "gXYZ", "bXYZ"].compactMap { ProfileHeader.place(ofTag: $0, in: profile).flatMap { Self.colour(profile, at: $0) } }
        guard columns.count == 3 else { return nil }
        let matrix = Matrix3(rows: (0..<3).map { row in columns.map { $0[row] } })
        // What all three make together is white, whose Y is 1.
        guard matrix.inverse != nil, abs(columns.reduce(0) { $0 + $1[1] } - 1) < 0.1 else { return nil }
        self.init(curves: curves, matrix: matrix)
    }

    /// Three numbers of the type XYZ (ICC.1:2022, 10.31).
    private static func colour(_ profile: [UInt8], at place: Int) -> [Double]? {
        guard place >= 0, place <= profile.count - 20, profile[place..<place + 4].elementsEqual("XYZ ".utf8) else { return nil }
        return (0..<3).compactMap { ProfileHeader.number(profile, place + 8 + 4 * $0, 4) }.map { Double(Int32(truncatingIfNeeded: $0)) / 65536 }
    }
}

/// Three numbers to three numbers.
struct Matrix3: Sendable, Equatable {
    /// Three of three.
    let rows: [[Double]]

    static let unit = Matrix3(rows: [[1, 0, 0], [0, 1, 0], [0, 0, 1]])

    static func * (left: Matrix3, right: Matrix3) -> Matrix3 {
        Matrix3(rows: left.rows.map { row in (0..<3).map { column in (0..<3).reduce(0) { $0 + row[$1] * right.rows[$1][column] } } })
    }

    /// nil where two primaries are all but the same, so that there is none that means anything.
    var inverse: Matrix3? {
        func minor(_ row: Int, _ column: Int) -> Double {
            let (a, b) = ((row + 1) % 3, (row + 2) % 3), (c, d) = ((column + 1) % 3, (column + 2) % 3)
            return rows[a][c] * rows[b][d] - rows[a][d] * rows[b][c]
        }
        let determinant = (0..<3).reduce(0) { $0 + rows[0][$1] * minor(0, $1) }
        guard abs(determinant) > 1e-4 else { return nil }
        return Matrix3(rows: (0..<3).map { row in (0..<3).map { minor($0, row) / determinant } })
    }
}
