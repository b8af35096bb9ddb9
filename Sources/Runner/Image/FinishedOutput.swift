internal import PipelineLanguage
internal import StageHost
internal import Vips

/// A pipeline's result as one of its files will hold it: profile, depth, alpha and metadata settled, saver options typed. Not computed yet.
struct FinishedOutput {
    let image: Image
    let options: [String: Argument]

    /// Says what the user should know about it.
    init(_ result: Image, _ output: OutputSpec, saver: StageDescription, fileExtension: String, session: RunSession, inputFormat: BandFormat, scope: ImageScope,
         context: ImageContext) throws(ImageFailure) {
        let environment = scope.environment, pipeline = session.pipeline
        do {
            let profile = try output.profileName(in: environment, pipeline: pipeline)
            if let path = profile.flatMap({ try? session.stages.files.find($0) }) { context.use(path) }
            // Without a profile in the file, its numbers must be sRGB.
            let isStripped = !output.metadata.has(.icc)
            // Back to the input's own profile before samples are rounded, unless another is wanted.
            let grey = try GreyPicture.settled(result)
            let settled = profile == nil && !isStripped ? try ManagedColour.restored(grey, staysWhole: scope.castFormat?.isInteger == true) : grey
            let given = try output.options(for: saver, in: environment, pipeline: pipeline)
            var finish = OutputFinish(saver: saver.name, inputFormat: inputFormat, castFormat: scope.castFormat)
            finish.fileExtension = fileExtension.lowercased()
            finish.colour = ColourOut(profile: profile.map(session.stages.files.profile), isStripped: isStripped)
            finish.background = try output.backgroundColour(in: environment, pipeline: pipeline)
            finish.dithers = output.dither == .auto
            finish.bitDepth = OutputFinish.bitDepth(given)
            finish.takesPalette = saver.name == "gifsave" || given["palette"] == .bool(true)
            let finished = try finish.apply(settled)
            let metadata = OutputMetadata(kept: output.metadata, saver: saver.name, profileIsNamed: profile.map { $0 != "srgb" } ?? false), described = try metadata.apply(finished.image)
            image = described.image
            for note in finished.notes + described.notes { context.note(note) }
            options = try VipsStage.options(given, of: saver.name).merging(metadata.options(saver)) { own, _ in own }
        } catch let error as VipsError {
            throw ImageFailure(error, code: "save", stage: "output")
        } catch let error as StageError {
            throw ImageFailure(error, stage: "output")
        } catch let error as Diagnostics {
            throw ImageFailure(error, stage: "output")
        } catch {
            throw ImageFailure("save", stage: "output", "\(error)")
        }
    }
}
