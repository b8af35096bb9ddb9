import Testing
@testable import PipelineLanguage
