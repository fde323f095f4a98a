"""Which files a wheel has: the two packages, and assets/ as a folder in the add-on's. All else is in pyproject.toml."""

from setuptools import find_namespace_packages, setup

setup(
    packages=[
        *find_namespace_packages(include=["metaspatial_addon*", "headless*"], exclude=["*.__pycache__"]),
        "metaspatial_addon.assets",
    ],
    package_dir={"metaspatial_addon.assets": "assets"},
)
