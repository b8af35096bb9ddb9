import Yams

/// The parser's complaints in words that say what to do.
enum YAMLProblem {
    static func diagnostic(for error: YamlError, in source: SourceText) -> Diagnostic {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _):
            return explained(problem, at: mark, context: context, in: source)
        case .composer(_, let problem, let mark, _):
            let message = problem.contains("another document")
                ? "a second document begins here: a pipeline file holds one"
                : "this is not valid YAML: \(problem)"
            return made(message, mark, source)
        case .duplicatedKeysInMapping(_, let context):
            return made("a key is written twice in this mapping", context.mark, source)
        case .memory:
            return Diagnostic(.limit, "not enough memory to read the file", at: nil, file: source.name)
        case .reader(let problem, _, _, _), .writer(let problem), .emitter(let problem), .representer(let problem):
            return Diagnostic(.syntax, "this is not valid YAML: \(problem)", at: nil, file: source.name)
        case .no, .dataCouldNotBeDecoded:
            return Diagnostic(.syntax, "this is not valid YAML", at: nil, file: source.name)
        }
    }

    private static func made(_ message: String, _ mark: Mark, _ source: SourceText) -> Diagnostic {
        Diagnostic(.syntax, message, at: source.clamped(SourceMark(line: mark.line, column: mark.column)), file: source.name)
    }

    private static func explained(_ problem: String, at mark: Mark, context: YamlError.Context?, in source: SourceText) -> Diagnostic {
        let inQuotes = context?.text.contains("quoted scalar") ?? false
        let opened = context.map { " opened in line \($0.mark.line)" } ?? ""
        switch problem {
        case "found unexpected end of stream" where inQuotes:
            return made("this quote is never closed", context?.mark ?? mark, source)
        case "found unexpected document indicator" where inQuotes:
            return made("this quote is never closed", context?.mark ?? mark, source)
        case "mapping values are not allowed in this context":
            return made("a ':' is not allowed here: quote a text that holds ': ', or check the indentation", mark, source)
        case "mapping keys are not allowed in this context":
            return made("a key is not allowed here: check the indentation", mark, source)
        case "block sequence entries are not allowed in this context":
            return made("a list item ('- ') is not allowed here: begin it on a line of its own", mark, source)
        case "did not find expected key":
            return made("this does not belong to the mapping\(opened): check its indentation and quotes", mark, source)
        case "did not find expected '-' indicator":
            return made("this does not belong to the list\(opened): check its indentation, or begin it with '- '", mark, source)
        case "did not find expected ',' or ']'":
            return made("expected ',' or ']' to go on with the list\(opened)", mark, source)
        case "did not find expected ',' or '}'":
            return made("expected ',' or '}' to go on with the mapping\(opened)", mark, source)
        case "could not find expected ':'":
            // The problem is noticed on the line after; the key is what lacks its colon.
            return made("expected ':' after this key", context?.mark ?? mark, source)
        case "found character that cannot start any token":
            return made(unstartable(mark, source), mark, source)
        case "found unknown escape character":
            return made("this escape is unknown: write '\\\\' for a backslash, or use single quotes", context?.mark ?? mark, source)
        case "did not find expected hexdecimal number", "found invalid Unicode character escape code":
            return made("this escape does not name a character", context?.mark ?? mark, source)
        case "found a tab character that violates indentation", "found a tab character where an indentation space is expected":
            return made("a tab cannot indent: use spaces", mark, source)
        case "did not find expected <document start>":
            return made("this does not belong to the document: check the indentation above", mark, source)
        case "did not find expected node content":
            return made("a value is missing here", mark, source)
        case "did not find expected alphabetic or numeric character":
            return made("an anchor ('&') needs a name of letters and digits: quote the text if no anchor was meant", mark, source)
        case "found undefined tag handle", "did not find expected tag URI", "did not find the expected '>'",
             "did not find expected '!'", "did not find URI escaped octet":
            return made("tags are not part of the pipeline format: quote the text if it begins with '!'", mark, source)
        case _ where problem.hasPrefix("Maximum nesting level"):
            var diagnostic = made("lists and mappings are nested deeper than \(YAMLDoor.maximumDepth) levels here", mark, source)
            diagnostic.code = .limit
            return diagnostic
        default:
            return made("this is not valid YAML: \(problem)", mark, source)
        }
    }

    private static func unstartable(_ mark: Mark, _ source: SourceText) -> String {
        let place = source.clamped(SourceMark(line: mark.line, column: mark.column))
        guard let line = source.scalars(ofLine: place.line), line.indices.contains(place.column - 1) else {
            return "no value can begin here"
        }
        let scalar = line[place.column - 1]
        return scalar == "\t" ? "a tab cannot indent: use spaces" : "a text that begins with '\(scalar)' must be quoted"
    }
}
