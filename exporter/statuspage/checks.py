"""Whether the checks that the page shows are in their health documents: their names, only the product knows."""

from exporter.engine.source import Gap, SourceError
from exporter.platform.model import Platform
from exporter.platform.problems import suggestion
from exporter.platform.status_page import StatusPage
from exporter.sources.health import CHECK_STATUS, Health, HealthSource


async def missing_checks(platform: Platform, page: StatusPage) -> list[Gap]:
    """Read each document once and return what is not in it: a component that would never change."""
    gaps: list[Gap] = []
    for document in sorted(page.documents()):
        key = document.partition(".")[2]
        config = platform.section("health")[key]
        assert isinstance(config, Health), "the platform file was checked"
        source = HealthSource(key, config)
        try:
            collected = await source.collect()
        except SourceError as error:
            gaps.append(Gap(f"{document}, to compare its checks: {error}", error.remedy))
            continue
        finally:
            await source.close()
        known = {check for _, check, _ in collected.families.get(CHECK_STATUS, {})}
        for name in page.components:
            source_name, _, check = name.partition("/")
            if source_name == document and check and check not in known:
                gaps.append(Gap(f"check {check} in the document of {document}", suggestion(check, known)))
    return gaps
