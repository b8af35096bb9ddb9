extension Candidate {
    /// Whether what a stage makes of a picture, and answers to plan(), depends on what it was given before.
    func pictures() {
        do throws(StageError) {
            let usual = picture(33, 21), other = otherPicture
            let first = try instance()
            try comparePlans(first, usual)
            guard stage.declared.kind == .pixel, !stage.declared.isImpure else { return }
            let alone = try result(first, usual)
            let after = try result(first, other)
            say(.result(after))
            try compare(alone, try result(first, usual), "after another picture")
            let second = try instance()
            try compare(after, try result(second, other), "in another instance")
            try compare(alone, try result(second, usual), "in another instance, after another picture")
        } catch {
            report(error, "one picture after the other")
        }
    }

    /// What the second picture of ``pictures()`` becomes where it is the first one.
    func fresh() {
        guard stage.declared.kind == .pixel, !stage.declared.isImpure else { return }
        do throws(StageError) {
            say(.result(try result(try instance(), otherPicture)))
        } catch {
            report(error, "one picture after the other")
        }
    }

    private var otherPicture: TrialPicture {
        var other = picture(33, 21)
        other.seed = 1
        return other
    }

    private func result(_ instance: StageInstance, _ picture: TrialPicture) throws(StageError) -> TrialResult {
        let trial = try trial(instance, picture)
        let rect = trial.plan.needsWholeImage || trial.whole.width * trial.whole.height <= 1 << 18 ? trial.whole : trial.tiles(8, 8)[0]
        trying("process() for the tile \(StageTrial.words(rect)) of \(trial.words)")
        return TrialResult(numbers: try trial.compute(rect, seed: 0).numbers, tolerance: trial.tolerance)
    }

    private func compare(_ result: TrialResult, _ again: TrialResult, _ place: String) throws(StageError) {
        guard let fault = again.difference(from: result) else { return }
        found("the same picture has another result \(place): \(fault)", TrialResult.advice)
    }

    private func comparePlans(_ instance: StageInstance, _ usual: TrialPicture) throws(StageError) {
        let first = try trial(instance, usual).plan.words
        _ = try trial(instance, picture(129, 67))
        for (again, place) in [(try trial(instance, usual).plan.words, "the second time"), (try trial(try self.instance(), usual).plan.words, "in another instance")] {
            guard let index = zip(first, again).enumerated().first(where: { $1.0 != $1.1 })?.offset else { continue }
            found("plan() answers \(again[index]) \(place) for a picture of \(usual.image.width) x \(usual.image.height), and \(first[index]) at first",
                  "plan() depends on the sizes and formats of the images, and the parameters, alone: set every field each time, and keep nothing.")
            return
        }
    }
}

extension PluginPlan {
    /// Every answer, by its name in the header.
    fileprivate var words: [String] {
        let size = output.map { "\($0.width) x \($0.height), \($0.bands) bands of \($0.format), \($0.space)\($0.hasAlpha ? ", with alpha" : "")" } ?? "none"
        return ["the output \(size)", "the layout \(layout)", "the edge \(edge)", "the alignment \(alignment.x) x \(alignment.y)", isRagged ? "ragged" : "not ragged",
                "the preferred tile \(preferredTile.map { "\($0.width) x \($0.height)" } ?? "any")", "scratch_bytes \(scratchBytes)",
                "AQT_PLAN_WHOLE_IMAGE \(needsWholeImage)", "AQT_PLAN_DERIVE \(derivesFromGraph)", "AQT_PLAN_APPROXIMATE \(isApproximate)"]
            + reach.enumerated().map { "the reach of input \($0 + 1) \($1.left), \($1.right), \($1.top), \($1.bottom), scale \($1.scaleX.numerator)/\($1.scaleX.denominator) x \($1.scaleY.numerator)/\($1.scaleY.denominator)" }
    }
}
