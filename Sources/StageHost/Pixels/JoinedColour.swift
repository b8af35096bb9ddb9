internal import PipelineLanguage
internal import Vips

/// Pictures that an operation lays over or beside one another: the others are brought to the colours of the first, whose profile the result has.
enum JoinedColour {
    /// The arguments that are pictures to be seen together, the leading one first. Masks and indices are none.
    private static let operations: [String: [String]] = [
        "composite": ["in"], "composite2": ["base", "overlay"], "ifthenelse": ["in1", "in2"], "insert": ["main", "sub"], "join": ["in1", "in2"], "arrayjoin": ["in"],
        "draw_image": ["image", "sub"], "case": ["cases"], "merge": ["ref", "sec"], "mosaic": ["ref", "sec"], "mosaic1": ["ref", "sec"],
    ]

    /// What an operation joins, in order; constants are numbers in the picture's own colours.
    static func references(of operation: String, _ arguments: [String: Value]) -> [ImageReference] {
        (operations[operation] ?? []).flatMap { name -> [Value] in
            if case .list(let items)? = arguments[name] { return items }
            return arguments[name].map { [$0] } ?? []
        }.compactMap { value in
            switch value {
            case .image(.constant), .image(.matrix): nil
            case .image(let reference): reference
            default: nil
            }
        }
    }

    /// The picture in the colours of another one, at its own depth.
    ///
    /// - Returns: the image as it is where its colours are those, or one of the two is no picture.
    static func matched(_ image: Image, to leader: Image) throws(StageError) -> Image {
        guard isPicture(image), isPicture(leader), let white = image.pictureFullScale, white == 255 || white == 65535 else { return image }
        let own = profile(of: image), wanted = profile(of: leader), colours = colours(of: image)
        guard own != wanted || (image.interpretation == .cmyk) != (leader.interpretation == .cmyk) else { return image }
        do {
            switch (colours, self.colours(of: leader)) {
            case (3, 3), (1, 1):
                if let conversion = ColourConversion.between(own, wanted, bands: colours) { return try stored(try conversion.applied(to: image, white: white, clips: true), image, white, wanted) }
            case (3, 1), (1, 3):
                // Through sRGB: grey of one kind is no colour of another.
                var shown = image
                if own != nil, let conversion = ColourConversion.between(own, nil, bands: colours) { shown = try stored(try conversion.applied(to: image, white: white, clips: true), image, white, nil) }
                guard colours == 1, wanted != nil else { return shown }
                return try matched(try widened(shown), to: leader)
            default: break
            }
            return try transformed(image, own, leader, wanted, white)
        } catch let error as VipsError {
            throw .vips(error)
        } catch let error as StageError {
            throw error
        } catch {
            throw .host("\(error)")
        }
    }

    /// The profile that counts; nil for sRGB.
    private static func profile(of image: Image) -> [UInt8]? {
        guard let profile = image.blob(ManagedColour.profileField), ManagedColour.fits(profile, image), !ManagedColour.isSRGB(profile, bands: colours(of: image)) else { return nil }
        return profile
    }

    private static func colours(of image: Image) -> Int { image.bands - (image.hasAlpha ? 1 : 0) }

    private static func isPicture(_ image: Image) -> Bool {
        let spaces: [Int: Set<Interpretation>] = [1: [.blackAndWhite, .grey16], 3: [.srgb, .rgb, .rgb16], 4: [.cmyk]]
        return spaces[colours(of: image)]?.contains(image.interpretation) ?? false
    }

    /// By lcms: for profiles of tables, and between inks and light.
    private static func transformed(_ image: Image, _ own: [UInt8]?, _ leader: Image, _ wanted: [UInt8]?, _ white: Double) throws -> Image {
        let (colours, alpha): (Image, Image?) = image.hasAlpha ? try VipsStage.splitAlpha(image) : (image, nil)
        let target = try wanted.map { profile in
            guard let file = ManagedColour.file(of: profile) else { throw StageError.host("a profile cannot be written to the temporary folder") }
            return file
        } ?? (leader.interpretation == .cmyk ? "cmyk" : "srgb")
        var arguments: [String: Argument] = ["in": .image(try ManagedColour.deep(colours, white)), "output_profile": .string(target), "depth": 16, "embedded": true]
        if let own { arguments["intent"] = .string(ManagedColour.intent(from: own)) } else { arguments["input_profile"] = image.interpretation == .cmyk ? "cmyk" : "srgb" }
        let there = try Operation.image("linear", ["in": .image(try Operation.image("icc_transform", arguments)), "a": .doubles([white / 65535]), "b": .doubles([0])])
        let joined = try alpha.map { try VipsStage.images("bandjoin", [there, $0]) } ?? there
        let typed = try Operation.image("copy", ["in": .image(joined), "interpretation": leader.interpretation == .cmyk ? "cmyk" : "srgb"])
        return try stored(typed, image, white, wanted ?? typed.blob(ManagedColour.profileField))
    }

    /// Grey in three bands.
    static func widened(_ image: Image) throws(StageError) -> Image {
        do { return try inThreeBands(image) } catch { throw .vips(error) }
    }

    private static func inThreeBands(_ image: Image) throws(VipsError) -> Image {
        let grey = try Operation.image("extract_band", ["in": .image(image), "band": 0])
        let alpha = image.hasAlpha ? [try Operation.image("extract_band", ["in": .image(image), "band": 1])] : []
        let joined = try Operation.image("bandjoin", ["in": .images([grey, grey, grey] + alpha)])
        return try Operation.image("copy", ["in": .image(joined), "interpretation": image.interpretation == .grey16 ? "rgb16" : "srgb"])
    }

    /// Floats as samples of the format that the picture had.
    private static func stored(_ image: Image, _ original: Image, _ white: Double, _ profile: [UInt8]?) throws(VipsError) -> Image {
        let rounded = original.format.isFloat ? image : try Operation.image("linear", ["in": .image(image), "a": .doubles([1]), "b": .doubles([0.5])])
        let cast = try Operation.image("cast", ["in": .image(rounded), "format": .string(original.format.rawValue)])
        let deep: [Interpretation: Interpretation] = original.format == .ushort ? [.srgb: .rgb16, .blackAndWhite: .grey16] : [:]
        let typed = try Operation.image("copy", ["in": .image(cast), "interpretation": .string((deep[image.interpretation] ?? image.interpretation).rawValue)])
        return try typed.settingFields([(PictureScale.field, .double(white)), (ManagedColour.profileField, profile.map { .blob($0) })])
    }
}
