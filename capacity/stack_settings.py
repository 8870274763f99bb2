"""Reads the settings that matter for capacity from a stack's Pulumi.<stack>.yaml."""

from pathlib import Path

from capacity.workload import CapacitySettings
from infra.naming import PROJECT_ROOT
from infra.settings.check import load_settings
from infra.settings.stack_file import stack_file_config


def stack_settings(stack: str, directory: Path = PROJECT_ROOT) -> CapacitySettings:
    """Read Pulumi.<stack>.yaml in the directory.

    Raises:
        FileNotFoundError: There is no such file.
        infra.settings.check.SettingsError: A setting is wrong; the message names each.
        infra.settings.stack_file.StackFileError: The file isn't a stack's.
    """
    settings = load_settings(stack, stack_file_config(stack, directory))
    return CapacitySettings(
        batch_size=settings.stream_batch_size,
        batching_window_seconds=settings.stream_batching_window_seconds,
        parallelization_factor=settings.stream_parallelization_factor,
        maximum_retry_attempts=settings.stream_maximum_retry_attempts,
        maximum_record_age_seconds=settings.stream_maximum_record_age_seconds,
        stream_timeout_seconds=settings.stream_timeout_seconds,
        stream_memory_mb=settings.stream_memory_mb,
        stream_reserved_concurrency=settings.stream_reserved_concurrency,
        api_memory_mb=settings.api_memory_mb,
        api_reserved_concurrency=settings.api_reserved_concurrency,
        throttle_rate_per_second=settings.throttle_rate_per_second,
        iterator_age_alarm_seconds=settings.iterator_age_alarm_seconds,
        point_in_time_recovery=settings.point_in_time_recovery,
        log_retention_days=settings.log_retention_days,
        activity_retention_days=settings.activity_retention_days,
    )
